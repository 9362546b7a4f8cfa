"""What a person sees of the simulated ThreatQ in the browser."""

from __future__ import annotations

import pytest

from workers.settings.model import Settings
from workers.settings.pages import LOGRHYTHM, with_logrhythm_page

pytestmark = pytest.mark.integration

NASTY = "<script>alert('x')</script>"


def page(sandbox, path, status=200):
    answer = sandbox.http.get(sandbox.url + path, timeout=5)
    assert answer.status_code == status
    return answer.text


@pytest.fixture
def event(threatq_sandbox):
    """An event with everything on it."""
    item = {
        "title": f"Beacon {NASTY}",
        "type": "Command and Control",
        "happened_at": "2024-03-01 10:00:00",
        "description": "the whole syslog line",
        "attributes": [{"name": "Severity", "value": "High"}],
        "indicators": [{"value": "bad.example", "type": "FQDN"}],
        "identity": [{"value": "jdoe"}],
        "asset": [{"value": "10.0.0.1"}],
        "comments": [{"value": "the rest of it"}],
        "tags": ["c2"],
    }
    return threatq_sandbox.post("/api/events/consume", [item])["data"][0]["id"]


def test_the_first_page_shows_what_it_holds_and_escapes_it(threatq_sandbox, event):
    front = page(threatq_sandbox, "/")

    assert f'href="/events/{event}/details"' in front
    assert "bad.example" in front
    assert "jdoe" in front
    assert NASTY not in front


def test_an_event_has_the_address_that_it_has_in_threatq(threatq_sandbox, event):
    shown = page(threatq_sandbox, f"/events/{event}/details")

    for text in (
        "Severity",
        "High",
        "bad.example",
        "jdoe",
        "10.0.0.1",
        "the whole syslog line",
        "the rest of it",
    ):
        assert text in shown
    assert NASTY not in shown
    assert "jdoe" not in page(threatq_sandbox, "/indicators/1/details")
    assert "Command and Control" in page(threatq_sandbox, "/indicators/1/details")


def test_an_object_that_is_not_there_is_a_404(threatq_sandbox):
    assert "no such Event" in page(threatq_sandbox, "/events/99/details", status=404)


def test_buttons_switch_faults_on_and_off(threatq_sandbox):
    post = threatq_sandbox.http.post
    post(f"{threatq_sandbox.url}/panel/fault", data={"usual": "429 for 10 calls"}, timeout=5)

    assert "rate limit" in page(threatq_sandbox, "/")
    assert threatq_sandbox.control("faults", method="GET")[0]["next"] == 10
    post(f"{threatq_sandbox.url}/panel/fault-off", data={"id": 1}, timeout=5)
    assert threatq_sandbox.control("faults", method="GET") == []


def test_a_button_starts_over(threatq_sandbox, event):
    threatq_sandbox.http.post(f"{threatq_sandbox.url}/panel/reset", timeout=5)

    assert "No events yet." in page(threatq_sandbox, "/")


def test_a_connector_is_enabled_and_set_up_like_in_the_ui(threatq_sandbox):
    fields = [{"name": "private_ips", "label": "Private IPs", "default": ""}]
    id = threatq_sandbox.post("/api/connectors", {"name": "Builder", "custom_fields": fields})["data"]["id"]
    assert "Private IPs" in page(threatq_sandbox, "/")

    form = {"id": id, "is_active": "on", "field-private_ips": "10.0.0.0/8"}
    threatq_sandbox.http.post(f"{threatq_sandbox.url}/panel/connector", data=form, timeout=5)

    row = threatq_sandbox.get(f"/api/connectors/{id}")["data"]
    assert (row["is_active"], row["custom_fields"]) == (True, {"private_ips": "10.0.0.0/8"})


def test_logrhythms_page_has_a_box_and_a_select_with_the_guides_options(threatq_sandbox):
    threatq_sandbox.fill_page("LogRhythm", LOGRHYTHM)
    shown = page(threatq_sandbox, "/")
    assert '<input type="checkbox" name="field-logrhythm_v751" value="true" checked>' in shown
    assert '<option value="full">Fully sync (add and delete) ThreatQ data collections' in shown

    (row,) = threatq_sandbox.get("/api/connectors", name="LogRhythm")["data"]
    form = {"id": row["id"], "field-logrhythm_v751": "", "field-sync_method": "full"}
    threatq_sandbox.http.post(f"{threatq_sandbox.url}/panel/connector", data=form, timeout=5)

    (row,) = threatq_sandbox.get("/api/connectors", name="LogRhythm")["data"]
    settings = with_logrhythm_page(Settings(), row["custom_fields"])
    assert (settings.logrhythm_v751, settings.sync_method) == (False, "full")


def test_a_form_of_another_site_is_refused(threatq_sandbox, event):
    headers = {"Sec-Fetch-Site": "cross-site"}

    answer = threatq_sandbox.http.post(f"{threatq_sandbox.url}/panel/reset", headers=headers, timeout=5)

    assert answer.status_code == 403
    assert threatq_sandbox.get("/api/events")["total"] == 1
