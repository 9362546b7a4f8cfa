"""`tqctl check` of the connectors' pages in ThreatQ: which fields it knows, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.settings.page_fields import PageField
from workers.settings.pages import EVENTS_BUILDER

pytestmark = pytest.mark.integration


def lines(operator: Operator) -> dict[str, dict[str, Any]]:
    """Return what is said of ThreatQ, by what was looked at."""
    return {line["what"]: line for line in operator.types("--json", "check", "--only", "threatq").json}


@pytest.mark.parametrize("connector_fields", ["names", "labels", "list"])
def test_what_stands_under_the_guides_labels_is_what_is_checked(
    connector_fields: str, configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    threatq_sandbox.behave(connector_fields=connector_fields)
    custom = {"private_ips": "10.0.0.300"}
    threatq_sandbox.fill_page("Events Builder", EVENTS_BUILDER, is_active=True, custom_fields=custom)
    checked = lines(configured)
    assert "10.0.0.300" in checked["private addresses"]["found"]
    assert "fields of Events Builder" not in checked


def test_a_field_that_is_not_known_is_a_warning_with_a_guess(
    configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    custom = {"private_ips": "", "Privat IPs": "192.0.2.1", "Verify SSL": "true"}
    threatq_sandbox.fill_page("Events Builder", EVENTS_BUILDER, is_active=True, custom_fields=custom)
    line = lines(configured)["fields of Events Builder"]
    assert (line["state"], "'Privat IPs', 'Verify SSL'" in line["found"]) == ("warning", True)
    assert "'Privat IPs' for 'Private IPs'" in line["remedy"]


@pytest.mark.parametrize(
    "fields", [(), (PageField("verify", "Verify SSL"),)], ids=["no field", "another's field"]
)
def test_an_enabled_page_that_has_none_of_our_fields_is_a_warning(
    fields: tuple[PageField, ...], configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    for name in ("Events Builder", "LogRhythm"):
        threatq_sandbox.fill_page(name, fields, is_active=True)
    checked = lines(configured)
    for name in ("Events Builder", "LogRhythm"):
        line = checked[f"fields of {name}"]
        assert (line["state"], "has none of the fields" in line["found"]) == ("warning", True)
        assert ("'verify'" in line["found"]) is bool(fields)


def test_a_setting_that_the_page_says_twice_is_named(
    configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    custom = {"private_ips": "192.0.2.1", "Private IPs": "192.0.2.2"}
    threatq_sandbox.fill_page("Events Builder", EVENTS_BUILDER, is_active=True, custom_fields=custom)
    line = lines(configured)["private addresses"]
    assert (line["state"], "twice" in line["found"]) == ("failed", True)


def test_a_page_of_logrhythm_that_cannot_be_read_is_a_warning_and_no_missing_setup(
    configured: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_THREATQ_URL", "http://127.0.0.1:1")
    answer = configured.types("--json", "check", "--only", "logrhythm")
    (line,) = answer.json
    assert (line["what"], line["state"]) == ("setup", "warning")
    assert "the page LogRhythm in ThreatQ cannot be read" in line["found"]
    assert "(Connection refused)" in line["found"]
