"""Jobs that a Celery client asks for by name."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from workers.core.results import EventResult
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, QuarantinedItem
from workers.ledger.records import done
from workers.payload.intake import Intake
from workers.tasks.accept import accept_call

pytestmark = pytest.mark.integration

EVENT = {"event_name": "a", "event_type": "Sighting", "event_happened_at": "2021-10-05T19:01:02Z"}


def call(redis: Redis, **given: Any) -> list[str]:
    taken = accept_call(
        given, intake=Intake("celery", 1000), ledger=Ledger(redis), quarantine=Quarantine(redis)
    )
    return taken.ids


def only_kept(redis: Redis) -> QuarantinedItem:
    quarantine = Quarantine(redis)
    (item_id,) = quarantine.ids()
    item = quarantine.item(item_id)
    assert item is not None
    return item


def test_a_payload_is_accepted_as_through_every_producer(redis: Redis, admin: LedgerAdmin) -> None:
    (job_id,) = call(redis, job="events.create", arguments={"payload": EVENT})
    record = admin.record(job_id)
    assert record is not None
    assert (record.producer, record.title) == ("celery", "a")
    assert call(redis, job="events.create", arguments={"payload": EVENT}) == [job_id]
    assert admin.arguments(job_id) == {"payload": EVENT}


def test_a_document_that_cannot_be_used_is_kept_with_the_mapping_that_its_sender_named(redis: Redis) -> None:
    assert call(redis, job="events.create", arguments={"payload": {"a": 1}, "mapping": "cef"}) == []
    assert (only_kept(redis).raw, only_kept(redis).mapping) == (b'{"a":1}', "cef")


def test_an_action_is_accepted(redis: Redis, admin: LedgerAdmin) -> None:
    (job_id,) = call(redis, job="indicators.lookup", arguments={"type": "FQDN", "value": "bad.example"})
    assert admin.open_jobs()["enrichment"] == 1
    assert admin.arguments(job_id) == {"type": "FQDN", "value": "bad.example"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "needs job"),
        ({"job": "events.create", "arguments": []}, "needs job"),
        ({"job": "events.create", "arguments": {}}, "holds the payload"),
        ({"job": "events.create", "arguments": {"payload": 5}}, "a JSON object"),
        ({"job": "events.create", "arguments": {"payload": {"event_name": "a"}}}, "event_type"),
        ({"job": "events.create", "arguments": {"payload": {"x": "y" * 1000}}}, "limit"),
        ({"job": "lists.sync", "arguments": {}}, "is no action"),
        ({"job": "indicators.mark", "arguments": {"type": "FQDN", "value": "x"}}, "verdict"),
        ({"job": "events.create", "arguments": {"payload": EVENT}, "positional": [1]}, "positional"),
        # half of a surrogate pair, which JSON can write and UTF-8 cannot
        ({"job": "events.create", "arguments": {"payload": "\ud800"}}, "not JSON"),
        ({"job": "events.create\ud800", "arguments": {}}, "is no action"),
        ({"job": "events.create", "arguments": {"payload": EVENT}, "\ud800": 1}, r"unknown: \ud800"),
        ({"job": "indicators.lookup", "arguments": {"type": "FQDN", "value": "x", "\ud800": 1}}, "\\ud800"),
    ],
)
def test_what_cannot_be_accepted_is_kept_with_the_reason(
    redis: Redis, admin: LedgerAdmin, given: dict[str, Any], reason: str
) -> None:
    assert call(redis, **given) == []
    kept = only_kept(redis)
    assert reason in kept.reason
    assert (kept.producer, kept.source) == ("celery", "jobs.accept")
    assert sum(admin.open_jobs().values()) == 0


def test_half_a_surrogate_pair_in_a_title_or_key_costs_no_job(redis: Redis, admin: LedgerAdmin) -> None:
    asked = {"type": "FQDN", "value": "bad\ud800.example"}
    (job_id,) = call(redis, job="indicators.lookup", arguments=asked, key="k\ud800")
    assert admin.arguments(job_id) == {"type": "FQDN", "value": r"bad\ud800.example"}
    assert call(redis, job="indicators.lookup", arguments=asked, key="k\ud800") == [job_id]


def test_a_key_that_was_used_for_something_else_is_kept_too(redis: Redis) -> None:
    assert call(redis, job="events.create", arguments={"payload": EVENT}, key="k")
    assert call(redis, job="events.create", arguments={"payload": EVENT | {"identity": "x"}}, key="k") == []
    assert only_kept(redis).code == "key_reused"


def test_the_log_says_of_a_repeat_what_became_of_it(redis: Redis, ledger: Ledger) -> None:
    (job_id,) = call(redis, job="events.create", arguments={"payload": EVENT})
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, EventResult(7, "https://tq/events/7/details"))])
    with capture_logs() as lines:
        assert call(redis, job="events.create", arguments={"payload": EVENT}) == [job_id]
    assert lines == [
        {
            "event": "known already",
            "log_level": "info",
            "job": job_id,
            "state": "done",
            "event_id": 7,
            "link": "https://tq/events/7/details",
        }
    ]
