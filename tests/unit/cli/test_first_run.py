"""The first run: what is asked, what proves an answer, what is kept of a run that ends early, and what is not asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from msgspec import structs

from producers.cli.first_checks import LOGRHYTHM_STEPS, STEPS
from producers.cli.first_run import CONFIGURED, FirstRun
from producers.cli.questions import Pipe, Terminal
from workers.core.errors import BadCredentials, ConfigError, Rejected, ServiceAway
from workers.settings.loading import load
from workers.settings.model import Settings

ANSWERS = ["threatq.example.com", "client", "me@example.com", "pass word", "", ""]

BLAMED = "threatq_client_id, threatq_email, threatq_password"


class Scripted(Terminal):
    """A person who gives these answers in turn; the one that is None is Ctrl-C."""

    def __init__(self, answers: list[str | None]) -> None:
        self.answers = list(answers)
        self.prompts: list[tuple[str, bool]] = []
        self.said: list[str] = []

    def ask(self, prompt: str, *, secret: bool) -> str:
        self.prompts.append((prompt, secret))
        answer = self.answers.pop(0)
        if answer is None:
            raise KeyboardInterrupt
        return answer

    def say(self, line: str) -> None:
        self.said.append(line)

    @property
    def asked(self) -> list[str]:
        return [prompt for prompt, _ in self.prompts]


class Services:
    """A ThreatQ and a Redis that accept one answer to each question; they remember what was checked."""

    def __init__(self, **wanted: str) -> None:
        self.wanted = {"threatq_client_id": "client", "threatq_password": "pass word", **wanted}
        self.away: set[str] = set()
        self.checked: list[str] = []
        self.registered: list[str] = []
        self.recorded: list[tuple[Path, list[str]]] = []
        checks = (self.host, self.login, self.status, self.redis)
        self.steps = tuple(
            structs.replace(step, check=check) for step, check in zip(STEPS, checks, strict=True)
        )

    def host(self, settings: Settings) -> None:
        self._reach("threatq", settings.threatq_url)

    def login(self, settings: Settings) -> None:
        self._reach("threatq", "login")
        given = (settings.threatq_client_id, settings.threatq_password.reveal())
        if given != (self.wanted["threatq_client_id"], self.wanted["threatq_password"]):
            raise BadCredentials("threatq", "ThreatQ does not accept this", field=BLAMED)

    def status(self, settings: Settings) -> None:
        if settings.threatq_status != self.wanted.get("threatq_status", settings.threatq_status):
            raise ConfigError("ThreatQ has no such status; it has Active", field="threatq_status")

    def redis(self, settings: Settings) -> None:
        self._reach("redis", settings.redis_url)

    def register(self, settings: Settings) -> None:
        self.registered.append(settings.connector_name)

    def record(self, settings: Settings, path: Path, answered: Collection[str]) -> None:
        self.recorded.append((path, sorted(answered)))

    def _reach(self, service: str, what: str) -> None:
        self.checked.append(what)
        if what in self.away:
            raise ServiceAway(service, f"{what} cannot be reached")


def first_run(
    services: Services, terminal: Terminal, register: Callable[[Settings], None] | None = None
) -> FirstRun:
    return FirstRun(
        terminal, register=register or services.register, record=services.record, steps=services.steps
    )


def test_the_status_that_logrhythms_connector_asks_for_is_that_of_its_indicators(tmp_path: Path) -> None:
    services, person = Services(), Scripted([*ANSWERS[:4], "Indirect", ""])
    services.steps = tuple(
        structs.replace(step, questions=theirs.questions)
        for step, theirs in zip(services.steps, LOGRHYTHM_STEPS, strict=True)
    )
    settings = first_run(services, person).run(load(tmp_path, {}), {}).settings
    assert (settings.logrhythm_status, settings.threatq_status) == ("Indirect", "Review")


def test_it_asks_as_the_guide_does_and_writes_what_is_answered(tmp_path: Path) -> None:
    # given
    services, person = Services(), Scripted(ANSWERS)

    # when
    loaded = first_run(services, person).run(load(tmp_path, {}), {})

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
    assert services.registered == ["Events Builder"]
    ((path, answered),) = services.recorded
    assert path == tmp_path / "tq.yaml"
    assert "threatq_password" in answered
    assert stat.S_IMODE((tmp_path / "tq.yaml").stat().st_mode) == 0o600


def test_each_answer_is_checked_before_the_next_question(tmp_path: Path) -> None:
    services, person = Services(), Scripted([*ANSWERS[:3], None])
    with pytest.raises(KeyboardInterrupt):
        first_run(services, person).run(load(tmp_path, {}), {})
    assert services.checked == ["https://threatq.example.com"]


def test_what_is_given_already_is_not_asked_and_not_written(tmp_path: Path) -> None:
    environ = {"TQ_REDIS_URL": "redis://redis:6379/0", "TQ_THREATQ_PASSWORD": "pass word"}
    person = Scripted(["threatq.example.com", "client", "me@example.com", "Active"])

    first_run(Services(), person).run(load(tmp_path, environ), environ)

    written = (tmp_path / "tq.yaml").read_text()
    assert person.asked == ["ThreatQ Host: ", "Client ID: ", "E-Mail Address: ", "Status: "]
    assert "pass word" not in written
    assert "redis" not in written


def test_with_a_known_redis_it_asks_exactly_the_guides_five_questions(tmp_path: Path) -> None:
    person = Scripted(ANSWERS[:5])
    environ = {"TQ_REDIS_URL": "redis://redis:6379/0"}
    first_run(Services(), person).run(load(tmp_path, environ), environ)
    assert len(person.prompts) == 5


def test_with_a_client_secret_no_password_is_asked_for(tmp_path: Path) -> None:
    environ = {"TQ_THREATQ_CLIENT_SECRET": "s"}
    person = Scripted(["threatq.example.com", "client", "", ""])

    first_run(Services(threatq_password=""), person).run(load(tmp_path, environ), environ)

    assert all("Password" not in prompt for prompt in person.asked)


def test_where_the_environment_configures_threatq_nothing_is_asked_and_nothing_written(
    tmp_path: Path,
) -> None:
    environ = {
        "TQ_THREATQ_URL": "threatq.example.com",
        "TQ_THREATQ_CLIENT_ID": "client",
        "TQ_THREATQ_EMAIL": "me@example.com",
        "TQ_THREATQ_PASSWORD": "pass word",
    }
    services, person = Services(), Scripted([])

    first_run(services, person).run(load(tmp_path, environ), environ)

    assert services.registered == ["Events Builder"]
    assert person.said[-1] == CONFIGURED
    assert list(tmp_path.iterdir()) == []


def test_settings_that_the_file_holds_stay_in_it_and_it_is_copied_once(tmp_path: Path) -> None:
    (tmp_path / "tq.yaml").write_text("private_ips: 10.0.0.0/8\n")
    (tmp_path / "tq.yaml").chmod(0o600)

    loaded = first_run(Services(), Scripted(ANSWERS)).run(load(tmp_path, {}), {})

    assert loaded.settings.private_ips == "10.0.0.0/8"
    (copy,) = tmp_path.glob("tq.yaml.*.bak")
    assert copy.read_text() == "private_ips: 10.0.0.0/8\n"


def test_after_a_typo_in_the_client_id_it_is_asked_for_again_and_the_rest_is_an_enter(tmp_path: Path) -> None:
    services = Services()
    person = Scripted(
        ["threatq.example.com", "clinet", "me@example.com", "pass word", "client", "", "", "", ""]
    )

    loaded = first_run(services, person).run(load(tmp_path, {}), {})

    assert any("does not accept" in line for line in person.said)
    assert person.asked[4:7] == [
        "Client ID [clinet]: ",
        "E-Mail Address [me@example.com]: ",
        "Password [***]: ",
    ]
    assert loaded.settings.threatq_client_id == "client"
    assert loaded.settings.threatq_password.reveal() == "pass word"


def test_after_three_refused_logins_it_ends_with_all_but_the_password_kept(tmp_path: Path) -> None:
    services = Services()
    wrong = ["", "", "wrong"]
    person = Scripted([*ANSWERS[:3], "wrong", *wrong, *wrong])

    with pytest.raises(BadCredentials):
        first_run(services, person).run(load(tmp_path, {}), {})

    kept = (tmp_path / "tq.yaml").read_text()
    assert "me@example.com" in kept
    assert "wrong" not in kept
    assert "the same command goes on from there" in person.said[-1]
    assert services.checked.count("login") == 3
    assert services.registered == []


def test_started_again_after_ctrl_c_it_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    # given a run that ended at the question for the status, and said so on a line of its own
    interrupted = Scripted([*ANSWERS[:4], None])
    with pytest.raises(KeyboardInterrupt):
        first_run(Services(), interrupted).run(load(tmp_path, {}), {})
    assert interrupted.said[-1].startswith("\nWhat was answered is in ")
    # when it is started again
    person = Scripted(["", ""])
    loaded = first_run(Services(), person).run(load(tmp_path, {}), {})
    # then
    assert person.asked == ["Status: ", "Redis URL: "]
    assert loaded.settings.threatq_password.reveal() == "pass word"
    assert person.said[-1] == CONFIGURED


def test_what_was_kept_and_turns_out_wrong_is_asked_for_again(tmp_path: Path) -> None:
    # given a typo in the client id, and Ctrl-C before it could be proven
    with pytest.raises(KeyboardInterrupt):
        first_run(Services(), Scripted(["threatq.example.com", "clinet", "me@example.com", None])).run(
            load(tmp_path, {}), {}
        )
    # when it is started again
    person = Scripted(["pass word", "client", "", "", "", ""])
    loaded = first_run(Services(), person).run(load(tmp_path, {}), {})
    # then
    assert person.asked[:2] == ["Password: ", "Client ID [clinet]: "]
    assert loaded.settings.threatq_client_id == "client"


def test_a_service_that_is_away_is_tried_again_with_enter_or_at_another_address(tmp_path: Path) -> None:
    services = Services()
    services.away = {"https://thretq.example.com", "redis://127.0.0.1:6379/0"}
    person = Scripted(["thretq.example.com", "", "threatq.example.com", *ANSWERS[1:], "redis://redis:6379/0"])

    loaded = first_run(services, person).run(load(tmp_path, {}), {})

    assert person.asked[1:3] == ["ThreatQ Host [https://thretq.example.com]: "] * 2
    assert person.asked[-1] == "Redis URL [redis://127.0.0.1:6379/0]: "
    assert loaded.settings.threatq_url == "https://threatq.example.com"
    assert loaded.settings.redis_url == "redis://redis:6379/0"


def test_a_service_that_stops_in_the_middle_ends_it_with_what_was_answered_kept(tmp_path: Path) -> None:
    services = Services()
    services.away = {"login"}

    with pytest.raises(ServiceAway):
        first_run(services, Scripted([*ANSWERS[:4], "", ""])).run(load(tmp_path, {}), {})

    person = Scripted(["pass word", "", ""])
    first_run(Services(), person).run(load(tmp_path, {}), {})
    assert person.asked == ["Password: ", "Status: ", "Redis URL: "]


def test_what_the_environment_says_wrongly_is_not_asked_for(tmp_path: Path) -> None:
    services = Services()
    services.away = {"redis://nowhere:6379/0"}
    environ = {"TQ_REDIS_URL": "redis://nowhere:6379/0"}
    with pytest.raises(ServiceAway):
        first_run(services, Scripted(ANSWERS[:5])).run(load(tmp_path, environ), environ)


def test_a_certificate_of_an_own_authority_is_asked_for_where_it_is_needed(tmp_path: Path) -> None:
    services = Services()

    def signed_by_us(settings: Settings) -> None:
        if not settings.threatq_ca_file:
            raise ConfigError("the certificate cannot be verified", field="threatq_ca_file")

    services.steps = (structs.replace(services.steps[0], check=signed_by_us), *services.steps[1:])
    person = Scripted([ANSWERS[0], "/etc/tq/ca.pem", *ANSWERS[1:]])

    loaded = first_run(services, person).run(load(tmp_path, {}), {})

    assert person.asked[1].startswith("CA file")
    assert loaded.settings.threatq_ca_file == "/etc/tq/ca.pem"


def test_a_status_that_threatq_does_not_know_is_asked_for_again(tmp_path: Path) -> None:
    person = Scripted([*ANSWERS[:4], "Activ", "Active", ""])
    loaded = first_run(Services(threatq_status="Active"), person).run(load(tmp_path, {}), {})
    assert loaded.settings.threatq_status == "Active"


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        # plain http, nothing at all
        (["http://threatq.example.com", "", *ANSWERS], "plain http"),
        # the e-mail address, given too early
        ([ANSWERS[0], "me@example.com", *ANSWERS[1:]], "no e-mail address"),
        # no e-mail address
        ([*ANSWERS[:2], "me", *ANSWERS[2:]], "an @"),
        # no URL of Redis
        ([*ANSWERS[:5], "redis.example.com", ""], "a URL that starts with"),
    ],
)
def test_an_answer_that_cannot_be_is_asked_for_again_at_once(
    tmp_path: Path, answers: list[str | None], why: str
) -> None:
    person = Scripted(answers)
    first_run(Services(), person).run(load(tmp_path, {}), {})
    assert why in " ".join(person.said)
    assert person.said[-1] == CONFIGURED


def test_where_threatq_has_no_page_for_connectors_the_settings_are_local(tmp_path: Path) -> None:
    def refused(settings: Settings) -> None:
        raise Rejected("404")

    person = Scripted(ANSWERS)
    loaded = first_run(Services(), person, refused).run(load(tmp_path, {}), {})

    assert loaded.settings.settings_from == "local"
    assert CONFIGURED not in person.said
    assert "without a page in the UI (404)" in person.said[-1]


def test_a_pipe_answers_and_its_password_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = Pipe([f"{answer}\r\n" for answer in ANSWERS[:4]])

    loaded = first_run(Services(), pipe).run(load(tmp_path, {}), {})

    shown = capsys.readouterr().out
    assert "Client ID: client\n" in shown
    assert "Password: ***\n" in shown
    assert "pass word" not in shown
    assert (loaded.settings.threatq_status, loaded.settings.threatq_password.reveal()) == (
        "Review",
        "pass word",
    )


def test_of_a_pipe_with_a_wrong_answer_nothing_is_written_so_that_it_can_be_sent_again(
    tmp_path: Path,
) -> None:
    services = Services()
    with pytest.raises(BadCredentials):
        first_run(services, Pipe(["threatq.example.com", "clinet", "me@example.com", "pass word"])).run(
            load(tmp_path, {}), {}
        )
    assert list(tmp_path.iterdir()) == []
    assert services.checked.count("login") == 1


def test_without_answers_everything_that_is_missing_is_listed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        first_run(Services(), Pipe(())).run(load(tmp_path, {}), {})

    for name in ("TQ_THREATQ_URL", "TQ_THREATQ_CLIENT_ID", "TQ_THREATQ_EMAIL", "TQ_THREATQ_PASSWORD"):
        assert name in str(caught.value)


def test_a_folder_that_cannot_be_written_is_found_out_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    person = Scripted([])

    with pytest.raises(ConfigError, match="not writable"):
        first_run(Services(), person).run(load(tmp_path, {}), {})

    assert person.prompts == []
