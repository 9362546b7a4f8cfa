"""Payloads whose sender waits, and what a request is called in its answer and in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from requests import Response

from tests.support.producers import Shim, event
from tests.support.waiting import until
from workers.core.results import EventResult
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, dead, done

pytestmark = pytest.mark.integration

MADE = EventResult(event_id=7, link="https://tq.example/events/7/details")


def waited(shim: Shim, ledger: Ledger, body: object, settle: Callable[[Claim], Settlement]) -> Response:
    """Send payloads and wait, while a worker settles each."""
    with ThreadPoolExecutor(1) as sender:
        answer = sender.submit(shim.post, "/v1/events?wait=30", body)
        claims: list[Claim] = []
        count = len(body) if isinstance(body, list) else 1
        until(lambda: len(claims.extend(ledger.claim("events", 10)) or claims) == count)
        for claim in claims:
            ledger.settle([settle(claim)])
        return answer.result()


def test_a_sender_that_waits_gets_its_event(shim: Shim, ledger: Ledger) -> None:
    answer = waited(shim, ledger, event(), lambda claim: done(claim, MADE))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["event_id"], body["link"]) == ("done", 7, MADE.link)


def test_a_sender_that_waits_is_told_of_a_dead_letter(shim: Shim, ledger: Ledger) -> None:
    reason = "ThreatQ refuses the title; edit it (tqctl dead edit)"
    answer = waited(shim, ledger, event(), lambda claim: dead(claim, reason))
    # Then nothing is said of commands that the sender has not
    assert (answer.status_code, answer.json()["detail"]) == (424, "ThreatQ refuses the title")


def test_each_item_of_a_batch_that_is_waited_for_has_its_own_status(shim: Shim, ledger: Ledger) -> None:
    def settle(claim: Claim) -> Settlement:
        return done(claim, MADE) if claim.title == "event 1" else dead(claim, "refused")

    answer = waited(shim, ledger, [event(1), event(2)], settle)
    assert answer.status_code == 202
    first, second = answer.json()["items"]
    assert (first["status"], first["state"], first["event_id"]) == (200, "done", 7)
    assert (second["status"], second["state"], second["detail"]) == (424, "dead", "refused")
    assert waited(shim, ledger, [event(3), event(4)], lambda claim: done(claim, MADE)).status_code == 200


def test_what_has_not_come_to_its_end_is_accepted(shim: Shim) -> None:
    answer = shim.post("/v1/events?wait=0.1", event())
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_a_paused_queue_is_told_to_a_sender_that_waits(shim: Shim, admin: LedgerAdmin) -> None:
    admin.pause("events")
    answer = shim.post("/v1/events?wait=30", event())
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert "queue events is paused" in answer.json()["reason"]


def test_a_wait_that_is_no_number_is_refused_before_anything_is_accepted(
    shim: Shim, admin: LedgerAdmin
) -> None:
    assert shim.post("/v1/events?wait=soon", event()).status_code == 400
    assert admin.open_jobs()["events"] == 0


@pytest.fixture
def telling_shim(tmp_path: Path, redis_url: str) -> Iterator[Shim]:
    """An entry point that logs each request."""
    with Shim(tmp_path, redis_url, "-v", "2") as shim:
        yield shim


def test_what_an_answer_is_called_is_in_the_log_too(telling_shim: Shim) -> None:
    # When requests are accepted and refused, one of them with a name of its own
    first = telling_shim.post("/v1/events", event())
    second = telling_shim.post("/v1/events", event(2), headers={"X-Request-Id": "mine"})
    refused = telling_shim.post("/v1/events", b"{")
    names = [answer.headers["X-Request-Id"] for answer in (first, second, refused)]
    assert names == [names[0], "mine", refused.json()["request_id"]]
    assert len(set(names)) == 3

    # Then the log has each under its name
    def told() -> list[str]:
        text = (telling_shim.folder / "tq-http-shim.log").read_text()
        return [line for line in text.splitlines() if "event='request'" in line]

    lines = until(lambda: told() if len(told()) == 3 else [])
    assert [f"request_id='{name}'" in line for name, line in zip(names, lines, strict=True)] == [True] * 3
    assert ["status=400" in line for line in lines] == [False, False, True]
    assert ["sender='nifi'" in line for line in lines] == [True] * 3
