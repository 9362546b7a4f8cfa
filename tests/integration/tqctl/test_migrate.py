"""`tqctl migrate`: from the files, the pages, the lists and the plugin of ThreatQuotient's connectors to ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from producers.smart_response.bundle import ScriptsFolder, actions_xml
from sandbox.logrhythm.tokens import mint
from tests.support.operator import Answer, Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.sync_stage import MAPPING, Stage
from tests.support.trail import acts
from workers.settings import file as settings_file
from workers.settings.page_fields import PageField
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM

pytestmark = pytest.mark.integration

Migrate = Callable[..., Answer]


def their_file(folder: Path, threatq: SandboxThreatQ, *, name: str = "logrhythm", **other: str) -> Path:
    """Write a configuration as their first run may keep it; returns its folder."""
    values = {
        "ThreatQ Host": threatq.url,
        "Client ID": threatq.client_id,
        "Email Address": threatq.email,
        "Password": threatq.password,
        "Status": "Indirect",
        **other,
    }
    folder.mkdir(exist_ok=True)
    text = "".join(f"{label} = {value}\n" for label, value in values.items())
    (folder / f"tq_conn_{name}.conf").write_text(f"[connector]\n{text}")
    return folder


def their_pages(threatq: SandboxThreatQ, logrhythm_url: str) -> None:
    """Fill in both pages in ThreatQ, which sends their settings by label."""
    custom = {"private_ips": "192.0.2.0/24"}
    threatq.fill_page("Events Builder", EVENTS_BUILDER, is_active=True, custom_fields=custom)
    fields = {
        "logrhythm_host": logrhythm_url,
        "logrhythm_token": mint(),
        "logrhythm_owner": "ThreatQ Sync",
        "sync_collections": MAPPING,
        "sync_method": "Fully sync (add and delete) ThreatQ data collections with LogRhythm lists",
    }
    threatq.fill_page("LogRhythm", LOGRHYTHM, is_active=True, custom_fields=fields)
    threatq.behave(connector_fields="labels")


@pytest.fixture
def migrate(operator: Operator, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """Run `tqctl migrate` on a machine on which nothing is set but Redis; tq.yaml is in the folder `ours`."""
    for name in ("TQ_THREATQ_URL", "TQ_THREATQ_CLIENT_ID", "TQ_THREATQ_EMAIL", "TQ_THREATQ_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TQ_REDIS_URL", redis_url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "remembered"))
    return lambda *words: operator.types("--json", "-c", str(tmp_path / "ours"), "migrate", *words)


def states(answer: Answer) -> dict[str, str]:
    return {item["what"]: item["state"] for item in answer.json}


def texts(answer: Answer, what: str) -> str:
    return " ".join(f"{item['found']} {item['remedy']}" for item in answer.json if item["what"] == what)


def written(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "ours" / "tq.yaml"
    return {name: line.text for name, line in settings_file.read(path).items()} if path.exists() else {}


def test_everything_is_shown_first_then_taken_over_then_there(
    migrate: Migrate, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given what their connectors left: files, pages, a list with an entry that has left the collection
    monkeypatch.setenv("TQ_LOGRHYTHM_CA_FILE", stage.runtime.settings.logrhythm_ca_file)
    folder = their_file(tmp_path / "theirs", stage.threatq)
    their_pages(stage.threatq, stage.logrhythm.url)
    stage.seed(2, types=["FQDN"])
    stage.logrhythm.fill("ThreatQ: FQDN", "stale.example", list_type="Host")
    (tmp_path / "actions.xml").write_bytes(actions_xml(ScriptsFolder("C:\\Python36\\Scripts", version=4)))
    words = ("--from", str(folder), "--plugin", str(tmp_path / "actions.xml"))
    # when it is shown, then nothing is changed
    shown = migrate(*words)
    assert shown.code == 0, shown
    assert states(shown)["threatq_url"] == states(shown)["list ThreatQ: FQDN"] == "can be taken over"
    assert states(shown)["page LogRhythm"] == states(shown)["page Events Builder"] == "taken over"
    assert "--like" in texts(shown, "plugin")
    assert stage.threatq.password not in shown.out + shown.err
    assert (written(tmp_path), acts(stage.redis)) == ({}, [])
    # when it is done, then settings and lists are ours, each with an entry of the trail
    assert migrate(*words, "--yes").code == 0
    assert written(tmp_path)["threatq_password"] == stage.threatq.password
    assert written(tmp_path)["logrhythm_status"] == "Indirect"
    assert set(acts(stage.redis)) == {"migrate", "take over"}
    # when it is done again, then there is nothing left to do
    before = len(acts(stage.redis))
    again = migrate(*words)
    assert "can be taken over" not in states(again).values()
    assert "all ours" in texts(again, "list ThreatQ: FQDN")
    assert len(acts(stage.redis)) == before


def test_a_password_that_threatq_does_not_accept_is_left_out_and_asked_for_by_setup(
    migrate: Migrate, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    folder = their_file(tmp_path / "theirs", threatq_sandbox, Password="gAAAAABencrypted")
    answer = migrate("--from", str(folder), "--yes")
    assert answer.code == 2
    assert states(answer)["threatq_password"] == "to be decided"
    assert "tqctl setup" in texts(answer, "threatq_password")
    assert set(written(tmp_path)) == {"threatq_url", "threatq_client_id", "threatq_email", "logrhythm_status"}


def test_a_threatq_that_is_away_keeps_everything_from_being_written(
    migrate: Migrate, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    folder = their_file(tmp_path / "theirs", threatq_sandbox, **{"ThreatQ Host": "http://127.0.0.1:9"})
    answer = migrate("--from", str(folder), "--yes")
    assert (answer.code, written(tmp_path)) == (3, {})
    assert "Connection refused" in texts(answer, "ThreatQ")


def test_the_checklist_for_a_person_has_its_four_parts_and_their_count(
    migrate: Migrate, operator: Operator, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    folder = their_file(tmp_path / "theirs", threatq_sandbox)
    answer = operator.types("-c", str(tmp_path / "ours"), "migrate", "--from", str(folder), "--no-lists")
    assert threatq_sandbox.password not in answer.out
    assert "Can be taken over (--yes)\n" in answer.out
    assert "To be done in the console\n" in answer.out
    assert (
        "0 taken over, 5 can be taken over (--yes), 0 to be decided, 5 to be done in the console"
        in answer.out
    )
    assert "nothing was changed" in answer.err


def test_what_is_set_already_stays_and_what_differs_is_named(
    migrate: Migrate, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    folder = their_file(tmp_path / "theirs", threatq_sandbox, Status="Nonsense")
    settings_file.write(tmp_path / "ours" / "tq.yaml", {"threatq_email": "other@example.com"})
    answer = migrate("--from", str(folder))
    assert states(answer)["threatq_email"] == "to be decided"
    assert "other@example.com" in texts(answer, "threatq_email")


def test_pages_of_other_names_are_found_by_their_fields(
    migrate: Migrate, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    custom = {"private_ips": "192.0.2.0/24", "Privat IPs": "x"}
    threatq_sandbox.fill_page("Detections", EVENTS_BUILDER, custom_fields=custom)
    feed = [PageField("host", "Host"), PageField("collection", "Data collection")]
    threatq_sandbox.fill_page("Another feed", feed, custom_fields={"host": "feed.example"})
    folder = their_file(tmp_path / "theirs", threatq_sandbox, name="events_builder", Status="Nonsense")
    answer = migrate("--from", str(folder), "--yes")
    assert written(tmp_path)["connector_name"] == "Detections"
    # and what an operator has to decide is named: a field, a status, a page that is not there
    assert "'Private IPs'" in texts(answer, "page Detections")
    assert states(answer)["threatq_status"] == "to be decided"
    assert states(answer)["page LogRhythm"] == "in the console"


def test_where_settings_are_local_the_fields_of_the_pages_become_settings(
    migrate: Migrate, threatq_sandbox: SandboxThreatQ, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_SETTINGS_FROM", "local")
    their_pages(threatq_sandbox, "https://lr.example")
    folder = their_file(tmp_path / "theirs", threatq_sandbox)
    assert migrate("--from", str(folder), "--no-lists", "--yes").code == 0
    values = written(tmp_path)
    assert (values["private_ips"], values["sync_method"]) == ("192.0.2.0/24", "full")
    assert values["logrhythm_url"] == "https://lr.example:8501"


def test_the_folder_that_the_registry_names_is_read_and_its_log_folder_remembered(
    migrate: Migrate, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    folder, export = their_file(tmp_path / "theirs", threatq_sandbox), tmp_path / "tq.reg"
    text = (
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\ThreatQuotient\\LogRhythm]\r\n"
        f'"Config"="{folder}"\r\n"LogLocation"="{folder}"\r\n"Verbosity"="3"\r\n'
    )
    export.write_bytes(text.encode("utf-16"))
    assert states(migrate("--registry", str(export)))["log folder"] == "can be taken over"
    assert states(migrate("--registry", str(export), "--yes"))["log folder"] == "taken over"
    assert (tmp_path / "remembered" / "tq-workers" / "logrhythm.json").exists()
    # and a folder of another machine is to be copied
    export.write_bytes(text.replace(str(folder), "L:\\\\ThreatQ").encode("utf-16"))
    assert "--from" in texts(migrate("--registry", str(export)), "their configuration")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--from", "absent"), "--from: absent cannot be read: No such file"),
        (("--registry", "absent"), "--registry: absent cannot be read: No such file"),
        (("--plugin", "absent"), "--plugin: absent cannot be read: No such file"),
    ],
)
def test_what_is_not_there_is_named(words: tuple[str, ...], why: str, migrate: Migrate) -> None:
    answer = migrate(*words)
    assert (answer.code, why in answer.err) == (2, True)


def test_without_anything_it_says_what_to_name(migrate: Migrate) -> None:
    answer = migrate()
    assert (answer.code, "/etc/tq_labs" in texts(answer, "their configuration")) == (0, True)
