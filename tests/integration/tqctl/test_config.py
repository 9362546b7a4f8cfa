"""`tqctl config`: each setting, where it came from, and whether ThreatQ's page or the file won."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM, PageField

pytestmark = pytest.mark.integration

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjEyfQ.c2lnbmF0dXJl"


@pytest.fixture
def configured(configured: Operator, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator whose environment also says what the page says."""
    monkeypatch.setenv("TQ_PRIVATE_IPS", "192.168.0.0/16")
    monkeypatch.setenv("TQ_SYNC_METHOD", "add")
    return configured


def fill(sandbox: SandboxThreatQ, name: str, fields: tuple[PageField, ...], **values: str) -> None:
    sandbox.fill_page(name, fields, custom_fields=values)


def shown(operator: Operator, *words: str) -> dict[str, dict[str, Any]]:
    return {row["setting"]: row for row in operator.asks("config", *words)["settings"]}


def test_what_a_page_says_wins_and_is_named_as_the_origin(
    configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    # given
    fill(threatq_sandbox, "Events Builder", EVENTS_BUILDER, private_ips="10.0.0.0/8")
    fill(
        threatq_sandbox,
        "LogRhythm",
        LOGRHYTHM,
        logrhythm_host="lr.example",
        logrhythm_port="8601",
        logrhythm_token=TOKEN,
        sync_method="Fully sync (add and delete)",
    )

    # when
    settings = shown(configured)

    # then
    assert settings["private_ips"]["value"] == "10.0.0.0/8"
    assert settings["private_ips"]["origin"] == "page Events Builder in ThreatQ"
    assert settings["logrhythm_url"]["value"] == "https://lr.example:8601"
    assert settings["sync_method"]["value"] == "full"
    assert settings["sync_method"]["origin"] == "page LogRhythm in ThreatQ"
    assert settings["logrhythm_token"]["value"] == "***"
    assert settings["threatq_password"]["value"] == "***"


def test_a_page_with_a_port_and_no_host_changes_no_address_and_claims_none(
    configured: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_URL", "lr.example")
    fill(threatq_sandbox, "LogRhythm", LOGRHYTHM, logrhythm_host=" ", logrhythm_port="8601")
    url = shown(configured)["logrhythm_url"]
    assert (url["value"], url["origin"]) == ("https://lr.example:8501", "TQ_LOGRHYTHM_URL")


def test_what_a_page_leaves_empty_stays_as_it_is_here(
    configured: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_OWNER", "ThreatQ Sync")
    fill(threatq_sandbox, "LogRhythm", LOGRHYTHM, logrhythm_owner=" ", sync_max_items="", sync_method="")
    settings = shown(configured)
    assert (settings["logrhythm_owner"]["value"], settings["sync_max_items"]["value"]) == (
        "ThreatQ Sync",
        "1000000",
    )
    assert settings["logrhythm_owner"]["origin"] == "TQ_LOGRHYTHM_OWNER"


def test_with_local_settings_the_page_is_not_asked_and_the_environment_wins(
    configured: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(threatq_sandbox, "Events Builder", EVENTS_BUILDER, private_ips="10.0.0.0/8")
    calls = threatq_sandbox.calls()
    monkeypatch.setenv("TQ_SETTINGS_FROM", "local")
    settings = shown(configured)
    assert settings["private_ips"]["value"] == "192.168.0.0/16"
    assert settings["private_ips"]["origin"] == "TQ_PRIVATE_IPS"
    assert threatq_sandbox.calls() == calls


def test_an_empty_field_of_the_page_leaves_the_setting_as_it_is_here(
    configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    fill(threatq_sandbox, "Events Builder", EVENTS_BUILDER, private_ips=" ")
    assert shown(configured)["private_ips"]["origin"] == "TQ_PRIVATE_IPS"


def test_a_page_that_cannot_be_read_is_a_warning_and_the_rest_is_shown(
    configured: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_THREATQ_URL", "http://127.0.0.1:1")
    answer = configured.types("config", "private_ips")
    assert answer.code == 0
    assert "192.168.0.0/16" in answer.out
    assert "pages in ThreatQ say is not known" in answer.err


def test_every_setting_is_shown_once_and_only_the_changed_ones_on_demand(
    operator: Operator, tmp_path: Path
) -> None:
    file = tmp_path / "tq.yaml"
    file.write_text("version: 1\nthreatq_status: Active\n")
    file.chmod(0o600)
    assert len(shown(operator)) > 40
    changed = shown(operator, "--changed")
    assert set(changed) == {"redis_url", "threatq_status"}
    assert changed["threatq_status"]["origin"] == f"{file}:2"
    assert list(shown(operator, "threatq_status")) == ["threatq_status"]


@pytest.mark.parametrize(
    ("name", "hint"), [("redis_ur", "near it: redis_url"), ("get", "tqctl config lists them all")]
)
def test_a_setting_that_there_is_not_is_answered_with_what_is_near_or_where_all_are(
    name: str, hint: str, operator: Operator
) -> None:
    answer = operator.types("config", name)
    assert (answer.code, f"there is no such setting; {hint}" in answer.err) == (2, True)


def test_both_pages_have_the_guides_fields_with_a_help_text() -> None:
    assert [field.label for field in EVENTS_BUILDER] == ["Private IPs"]
    assert [field.name for field in LOGRHYTHM] == [
        "logrhythm_host",
        "logrhythm_port",
        "logrhythm_v751",
        "logrhythm_owner",
        "logrhythm_token",
        "sync_collections",
        "sync_method",
        "sync_max_items",
    ]
    assert all(field.help for field in (*EVENTS_BUILDER, *LOGRHYTHM))
