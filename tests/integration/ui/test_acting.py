"""What an operator does through the status page."""

from __future__ import annotations

import json

import msgspec
import pytest
from redis import Redis

from tests.integration.ui.letters import NASTY, bury
from tests.support.browsing import Forms, Visitor
from workers.core.jobs import Job
from workers.ledger import sync_keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes
from workers.ledger.sync_cancels import cancelled_by

pytestmark = pytest.mark.integration


def test_a_dead_letter_is_replayed_by_a_person_with_a_name(
    ui_operator: Visitor, ledger: Ledger, admin: LedgerAdmin
) -> None:
    job_id = bury(ledger)
    answer = ui_operator.send(f"/jobs/{job_id}", "/replay")
    assert "1 job will be tried again." in answer.text
    record = admin.record(job_id)
    assert record is not None
    assert (record.state, record.result) == ("accepted", {"reason": "replayed by operator"})
    assert "tried again" not in ui_operator.get(f"/jobs/{job_id}").text


def test_all_dead_letters_are_replayed_at_once(
    ui_operator: Visitor, ledger: Ledger, admin: LedgerAdmin
) -> None:
    for number in range(3):
        bury(ledger, f"letter {number}")
    assert "3 jobs will be tried again." in ui_operator.send("/jobs?list=dead", "/replay", all="1").text
    assert admin.dead_count() == 0
    assert (
        "Nothing was ticked"
        in ui_operator.post("/replay", **Forms(ui_operator.get("/").text).found["/sign-out"]).text
    )


def test_what_was_done_is_said_though_the_page_that_was_left_is_fetched_anew_meanwhile(
    ui_operator: Visitor, ledger: Ledger
) -> None:
    # Given a dead letter that is replayed
    job_id = bury(ledger)
    form = Forms(ui_operator.get(f"/jobs/{job_id}").text).found["/replay"]
    ui_operator.http.post(f"{ui_operator.url}/replay", data=form, allow_redirects=False, timeout=30)
    # When the script of the page that was open looks by itself before the next page is asked for
    assert "tried again" not in ui_operator.get(f"/jobs/{job_id}", **{"TQ-Look": "1"}).text
    # Then that page says what was done
    assert "1 job will be tried again." in ui_operator.get(f"/jobs/{job_id}").text


@pytest.mark.parametrize("ids", [{}, {"id": "7\r\nX-Forged: yes"}, {"id": "\u4e03"}])
def test_a_replay_of_no_job_at_all_leads_back_to_a_page(ui_operator: Visitor, ids: dict[str, str]) -> None:
    csrf = Forms(ui_operator.get("/").text).found["/sign-out"]
    answer = ui_operator.http.post(
        ui_operator.url + "/replay", data={**csrf, "from": "job", **ids}, allow_redirects=False, timeout=30
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/jobs/")
    assert "X-Forged" not in answer.headers


def test_a_queue_is_paused_and_goes_on(ui_operator: Visitor, admin: LedgerAdmin) -> None:
    ui_operator.send("/", "/queues/sync/pause")
    assert admin.paused() == {"sync"}
    ui_operator.send("/", "/queues/sync/resume")
    assert admin.paused() == set()
    csrf = Forms(ui_operator.get("/").text).found["/sign-out"]
    assert ui_operator.post("/queues/upkeep/pause", **csrf).status_code == 404


def test_a_queue_that_tqctl_paused_is_left_to_it(ui_operator: Visitor, admin: LedgerAdmin) -> None:
    admin.pause("events", workers=["worker@host"])
    answer = ui_operator.send("/", "/queues/events/resume")
    assert "tqctl resume events" in answer.text
    assert admin.paused() == {"events"}


def test_pending_deletes_are_approved_under_the_approvers_name(ui_operator: Visitor, redis: Redis) -> None:
    pending = PendingDelete(
        "aa11", "Very High", f"TQ {NASTY}", 2000, 5000, "40 % of the list", ("bad.example",), 1
    )
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    assert "2,000 deletes of TQ &lt;script&gt;" in ui_operator.send("/", "/syncs/aa11/approve").text
    (approved,) = PendingDeletes(redis).every()
    assert (approved.approved_by, approved.approved_ms > 0) == ("operator", True)
    gone = ui_operator.post("/syncs/bb22/approve", **Forms(ui_operator.get("/").text).found["/sign-out"])
    assert (gone.status_code, "no deletes wait" in gone.text) == (409, True)


def test_a_run_of_the_list_sync_is_cancelled_and_one_that_has_ended_is_not(
    ui_operator: Visitor, ledger: Ledger, redis: Redis
) -> None:
    (run,) = ledger.accept([Job("lists.sync", {"collection": NASTY}, producer="cli", sender="ann@siem")])
    assert "started by ann@siem" in ui_operator.get("/syncs").text
    answer = ui_operator.send("/syncs", f"/syncs/{run.id}/cancel")
    assert "ends at its next safe point" in answer.text
    assert "<script>" not in answer.text.replace("<script src", "")
    assert cancelled_by(redis, run.id) == "operator"
    csrf = Forms(ui_operator.get("/").text).found["/sign-out"]
    assert ui_operator.post("/syncs/" + "0" * 24 + "/cancel", **csrf).status_code == 404


def test_an_item_of_the_quarantine_is_corrected_and_accepted(
    ui_operator: Visitor, redis: Redis, admin: LedgerAdmin
) -> None:
    quarantine = Quarantine(redis)
    (item,) = quarantine.keep([Unreadable("bridge", "list", "not_json", "why", b'{"event_name": "a"')])
    still = ui_operator.send(f"/quarantine/{item}", f"/quarantine/{item}/retry", text="[7]")
    assert f"item {item} is still refused" in still.text
    assert quarantine.count() == 1
    good = json.dumps({"event_name": "mended", "event_type": "Sighting"})
    answer = ui_operator.send(f"/quarantine/{item}", f"/quarantine/{item}/retry", text=good)
    assert "mended" in answer.text
    assert quarantine.count() == 0
    (record,) = admin.records(admin.ids("accepted"))
    assert (record.title, record.producer) == ("mended", "bridge")


def test_an_item_of_the_quarantine_is_forgotten(ui_operator: Visitor, redis: Redis) -> None:
    quarantine = Quarantine(redis)
    (item,) = quarantine.keep([Unreadable("http", "", "not_json", "why", b"\xff\x00")])
    csrf = Forms(ui_operator.get(f"/quarantine/{item}").text).found[f"/quarantine/{item}/retry"]
    ui_operator.post(f"/quarantine/{item}/drop", **csrf)
    assert quarantine.count() == 0
    assert ui_operator.get(f"/quarantine/{item}").status_code == 404


def test_who_started_the_run_gets_no_button_to_approve_what_it_found(
    ui_operator: Visitor, redis: Redis
) -> None:
    pending = PendingDelete(
        "aa11", "c", "a list", 2, 5, "a reason", ("bad.example",), 1, asked_by="operator", four_eyes=True
    )
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    page = ui_operator.get("/syncs").text
    assert "/syncs/aa11/approve" not in page
    assert "another operator approves them" in page
    csrf = Forms(page).found["/sign-out"]
    assert ui_operator.post("/syncs/aa11/approve", **csrf).status_code == 409
