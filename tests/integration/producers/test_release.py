"""Out of the quarantine: replayed as it is, repaired, or dropped."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from producers.enqueue import release
from workers.core.errors import Busy, InputError
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, QuarantineLimits, Unreadable
from workers.payload.intake import Intake

pytestmark = pytest.mark.integration

INTAKE = Intake("ctl", 1000)

EVENT = {"event_name": "a", "event_type": "Sighting", "event_happened_at": "2021-10-05T19:01:02Z"}


def keep(redis: Redis, raw: bytes) -> str:
    (item_id,) = Quarantine(redis).keep(
        [Unreadable("http", "nifi", "invalid_event", "event_type: is missing", raw)]
    )
    return item_id


def test_an_item_is_kept_with_its_bytes_and_counts_its_repeats(redis: Redis, admin: LedgerAdmin) -> None:
    raw = bytes(range(256))
    item_id = keep(redis, raw)
    assert keep(redis, raw) == item_id
    item = Quarantine(redis).item(item_id)
    assert item is not None
    assert (item.raw, item.times, item.producer, item.source) == (raw, 2, "http", "nifi")
    assert admin.counts() == {"quarantined:events.create:http": 1}


def test_a_repaired_item_becomes_a_job_of_the_producer_that_it_came_through(
    redis: Redis, admin: LedgerAdmin
) -> None:
    item_id = keep(redis, b"{}")
    parts = {
        "quarantine": Quarantine(redis),
        "ledger": Ledger(redis),
        "intake": INTAKE,
        "audit": Audit(redis),
    }
    with pytest.raises(InputError, match="event_name"):
        release(item_id, **parts)
    (accepted,) = release(item_id, **parts, repaired=json.dumps(EVENT).encode())
    record = admin.record(accepted.id)
    assert record is not None
    assert (record.producer, record.sender) == ("http", "nifi")
    assert Quarantine(redis).count() == 0
    with pytest.raises(InputError, match="no item"):
        release(item_id, **parts)


def test_an_item_stays_whose_cloud_event_was_accepted_with_another_payload(
    redis: Redis, admin: LedgerAdmin
) -> None:
    def cloud_event(name: str) -> bytes:
        envelope = {"specversion": "1.0", "type": "detection", "source": "/siem", "id": "7"}
        return json.dumps({**envelope, "data": {**EVENT, "event_name": name}}).encode()

    parts = {
        "quarantine": Quarantine(redis),
        "ledger": Ledger(redis),
        "intake": INTAKE,
        "audit": Audit(redis),
    }
    (first,) = release(keep(redis, cloud_event("a")), **parts)
    item_id = keep(redis, cloud_event("b"))
    with pytest.raises(InputError, match=first.id):
        release(item_id, **parts)
    assert Quarantine(redis).ids() == [item_id]
    assert admin.open_jobs()["events"] == 1


def test_an_item_stays_while_the_ledger_is_full(redis: Redis) -> None:
    item_id = keep(redis, json.dumps(EVENT).encode())
    full = Ledger(redis, most_open=1)
    full.accept([Job("events.create", {"payload": {}}, producer="cli")])
    with pytest.raises(Busy):
        release(item_id, quarantine=Quarantine(redis), ledger=full, intake=INTAKE, audit=Audit(redis))
    assert Quarantine(redis).ids() == [item_id]


def test_a_full_quarantine_keeps_nothing_of_what_does_not_fit(redis: Redis) -> None:
    small = Quarantine(redis, QuarantineLimits(most_items=1))
    items = [Unreadable("redis", "list", "not_json", "no", raw) for raw in (b"1", b"2")]
    with pytest.raises(Busy, match="quarantine is full"):
        small.keep(items)
    assert small.count() == 0


def test_dropped_items_are_gone(redis: Redis) -> None:
    item_id = keep(redis, b"{}")
    assert Quarantine(redis).drop([item_id, "unknown"], Audit(redis)) == 1
    assert Quarantine(redis).item(item_id) is None
