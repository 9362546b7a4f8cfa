"""The first run: what is asked, what is checked before anything is written, and what is not asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

import pytest

from producers.cli.first_run import CONFIGURED, FirstRun, Terminal
from workers.core.errors import BadCredentials, ConfigError, Rejected, ServiceAway
from workers.settings.loading import load
from workers.settings.model import Settings

ANSWERS = ["threatq.example.com", "client", "me@example.com", "pass word", "", ""]


class Scripted(Terminal):
    """A person who gives these answers in turn."""

    def __init__(self, answers: list[str], *, there: bool = True) -> None:
        self.answers = list(answers)
        self.there = there
        self.prompts: list[tuple[str, bool]] = []
        self.said: list[str] = []

    def is_there(self) -> bool:
        return self.there

    def ask(self, prompt: str, *, secret: bool) -> str:
        self.prompts.append((prompt, secret))
        return self.answers.pop(0)

    def say(self, line: str) -> None:
        self.said.append(line)


class FakeThreatQ:
    """Accepts one password; remembers what was registered."""

    def __init__(self, password: str = "pass word") -> None:
        self.password = password
        self.checked: list[Settings] = []
        self.registered: list[str] = []
        self.recorded: list[tuple[Path, list[str]]] = []

    def check(self, settings: Settings) -> None:
        self.checked.append(settings)
        if settings.threatq_password.reveal() != self.password:
            raise BadCredentials("threatq", "ThreatQ does not accept this")

    def register(self, settings: Settings) -> None:
        self.registered.append(settings.connector_name)

    def record(self, settings: Settings, path: Path, answered: Collection[str]) -> None:
        self.recorded.append((path, sorted(answered)))


def first_run(threatq: FakeThreatQ, terminal: Terminal) -> FirstRun:
    return FirstRun(check=threatq.check, register=threatq.register, record=threatq.record, terminal=terminal)


def test_it_asks_as_the_guide_does_and_writes_what_is_answered(tmp_path: Path) -> None:
    # given
    threatq, person = FakeThreatQ(), Scripted(ANSWERS)

    # when
    loaded = first_run(threatq, person).run(load(tmp_path, {}), {})

    # then
    assert person.prompts == [
        ("ThreatQ Host: ", False),
        ("Client ID: ", False),
        ("E-Mail Address: ", False),
        ("Password: ", True),
        ("Status: ", False),
        ("Redis URL: ", False),
    ]
    assert person.said[-1] == CONFIGURED
    assert loaded.settings.threatq_url == "https://threatq.example.com"
    assert loaded.settings.threatq_password.reveal() == "pass word"
    assert loaded.settings.threatq_status == "Review"
    assert loaded.settings.redis_url == "redis://127.0.0.1:6379/0"
    assert threatq.registered == ["Events Builder"]
    ((path, answered),) = threatq.recorded
    assert path == tmp_path / "tq.yaml"
    assert "threatq_password" in answered
    assert stat.S_IMODE((tmp_path / "tq.yaml").stat().st_mode) == 0o600


def test_what_is_given_already_is_not_asked_and_not_written(tmp_path: Path) -> None:
    environ = {"TQ_REDIS_URL": "redis://redis:6379/0", "TQ_THREATQ_PASSWORD": "pass word"}
    person = Scripted(["threatq.example.com", "client", "me@example.com", "Active"])

    first_run(FakeThreatQ(), person).run(load(tmp_path, environ), environ)

    written = (tmp_path / "tq.yaml").read_text()
    assert [prompt for prompt, _ in person.prompts] == [
        "ThreatQ Host: ",
        "Client ID: ",
        "E-Mail Address: ",
        "Status: ",
    ]
    assert "pass word" not in written
    assert "redis" not in written


def test_with_a_client_secret_no_password_is_asked_for(tmp_path: Path) -> None:
    environ = {"TQ_THREATQ_CLIENT_SECRET": "s"}
    person = Scripted(["threatq.example.com", "client", "", ""])

    first_run(FakeThreatQ(password=""), person).run(load(tmp_path, environ), environ)

    assert all("Password" not in prompt for prompt, _ in person.prompts)


def test_settings_that_the_file_holds_stay_in_it(tmp_path: Path) -> None:
    (tmp_path / "tq.yaml").write_text("private_ips: 10.0.0.0/8\n")
    (tmp_path / "tq.yaml").chmod(0o600)

    loaded = first_run(FakeThreatQ(), Scripted(ANSWERS)).run(load(tmp_path, {}), {})

    assert loaded.settings.private_ips == "10.0.0.0/8"
    assert len(list(tmp_path.glob("tq.yaml.*.bak"))) == 1


def test_a_wrong_password_is_asked_for_again(tmp_path: Path) -> None:
    person = Scripted(["threatq.example.com", "client", "me@example.com", "wrong", "", "", "pass word"])

    loaded = first_run(FakeThreatQ(), person).run(load(tmp_path, {}), {})

    assert any("does not accept" in line for line in person.said)
    assert loaded.settings.threatq_password.reveal() == "pass word"


def test_after_three_wrong_passwords_nothing_is_written(tmp_path: Path) -> None:
    threatq = FakeThreatQ()
    person = Scripted([*ANSWERS[:3], "wrong", "", "", "wrong again", "and again"])

    with pytest.raises(BadCredentials):
        first_run(threatq, person).run(load(tmp_path, {}), {})

    assert list(tmp_path.iterdir()) == []
    assert threatq.registered == []
    assert len(threatq.checked) == 3


def test_a_status_that_threatq_does_not_know_is_asked_for_again(tmp_path: Path) -> None:
    def check(settings: Settings) -> None:
        if settings.threatq_status != "Active":
            raise ConfigError("ThreatQ has no such status; it has Active", field="threatq_status")

    person = Scripted([*ANSWERS[:4], "Activ", "", "Active"])
    run = FirstRun(check=check, register=FakeThreatQ().register, record=FakeThreatQ().record, terminal=person)

    loaded = run.run(load(tmp_path, {}), {})

    assert loaded.settings.threatq_status == "Active"


def test_an_answer_that_cannot_be_is_asked_for_again_at_once(tmp_path: Path) -> None:
    person = Scripted(["http://threatq.example.com", "", *ANSWERS])

    first_run(FakeThreatQ(), person).run(load(tmp_path, {}), {})

    assert [prompt for prompt, _ in person.prompts][:3] == ["ThreatQ Host: "] * 3
    assert "plain http" in " ".join(person.said)


def test_a_threatq_that_is_away_ends_it_and_nothing_is_written(tmp_path: Path) -> None:
    threatq = FakeThreatQ()

    def away(settings: Settings) -> None:
        raise ServiceAway("threatq", "ThreatQ cannot be reached")

    with pytest.raises(ServiceAway):
        FirstRun(
            check=away, register=threatq.register, record=threatq.record, terminal=Scripted(ANSWERS)
        ).run(load(tmp_path, {}), {})

    assert list(tmp_path.iterdir()) == []


def test_where_threatq_has_no_page_for_connectors_the_settings_are_local(tmp_path: Path) -> None:
    def refused(settings: Settings) -> None:
        raise Rejected("404")

    person = Scripted(ANSWERS)
    run = FirstRun(check=FakeThreatQ().check, register=refused, record=FakeThreatQ().record, terminal=person)

    loaded = run.run(load(tmp_path, {}), {})

    assert loaded.settings.settings_from == "local"
    assert CONFIGURED not in person.said
    assert "without a page in the UI (404)" in person.said[-1]


def test_without_a_terminal_everything_that_is_missing_is_listed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        first_run(FakeThreatQ(), Scripted([], there=False)).run(load(tmp_path, {}), {})

    for name in ("TQ_THREATQ_URL", "TQ_THREATQ_CLIENT_ID", "TQ_THREATQ_EMAIL", "TQ_THREATQ_PASSWORD"):
        assert name in str(caught.value)


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    person = Scripted([])

    with pytest.raises(ConfigError, match="not writable"):
        first_run(FakeThreatQ(), person).run(load(tmp_path, {}), {})

    assert person.prompts == []
