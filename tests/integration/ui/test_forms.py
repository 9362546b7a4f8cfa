"""Forms of the status page: none of another site, none without the right to it."""

from __future__ import annotations

import pytest

from tests.integration.ui.letters import bury
from tests.support.browsing import Forms, Visitor
from tests.support.producers import READER
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration


def test_a_form_without_the_sessions_secret_does_nothing(ui_operator: Visitor, admin: LedgerAdmin) -> None:
    for csrf in ("", "guess"):
        assert ui_operator.post("/queues/events/pause", csrf=csrf).status_code == 403
    assert admin.paused() == set()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_does_nothing(
    ui_operator: Visitor, admin: LedgerAdmin, headers: dict[str, str]
) -> None:
    hidden = Forms(ui_operator.get("/").text).found["/queues/events/pause"]
    ui_operator.http.headers.update(headers)
    assert ui_operator.post("/queues/events/pause", **hidden).status_code == 403
    assert admin.paused() == set()


def test_another_site_cannot_sign_a_user_in(visitor: Visitor) -> None:
    refused = visitor.post("/sign-in", token=READER, csrf="x")
    assert refused.status_code == 403


def test_a_reader_sees_no_buttons_and_cannot_press_them(
    reader: Visitor, ledger: Ledger, admin: LedgerAdmin
) -> None:
    job_id = bury(ledger)
    page = reader.get("/").text
    assert set(Forms(page).found) == {"/jobs", "/sign-out"}
    csrf = Forms(page).found["/sign-out"]["csrf"]
    refused = reader.post("/replay", csrf=csrf, id=job_id)
    assert (refused.status_code, "lacks operate" in refused.text) == (403, True)
    assert admin.ids("dead") == [job_id]


def test_a_form_that_is_too_large_or_no_form_is_refused(ui_operator: Visitor) -> None:
    assert ui_operator.post("/replay", id="x" * 500_000).status_code == 413
    answer = ui_operator.http.post(ui_operator.url + "/replay", data="nonsense", timeout=30)
    assert answer.status_code == 400
