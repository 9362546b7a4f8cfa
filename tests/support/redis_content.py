"""A ledger with something of each kind in it, and all that a Redis holds, to be compared before and after."""

from __future__ import annotations

from typing import Any

import msgspec

from workers.backup.families import is_left_out
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys, sync_keys
from workers.ledger.audit import Audit
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.records import dead, done, refused, waiting
from workers.ledger.sync_approvals import PendingDelete

#: Indexes, which a backup does not hold as they are, since a restore makes them of the jobs and of the quarantine.
INDEXES = (keys.due("events"), keys.DONE, keys.DEAD, keys.REFUSED_JOBS, keys.QUARANTINE)


def event(number: int) -> Job:
    """Return a job of its own."""
    payload = {"event_name": f"event {number}", "event_type": "Sighting", "event_happened_at": 1633460462}
    return Job("events.create", {"payload": payload}, producer="cli", title=f"event {number}")


def fill(redis: Any) -> None:
    """Put something of each kind into Redis: jobs 0 to 4 are forgotten but for a marker, done, dead, waiting, new."""
    ledger = Ledger(redis)
    ledger.accept([event(number) for number in range(4)])
    forgotten, packed, dies, waits = sorted(ledger.claim("events", 4), key=lambda claim: claim.title)
    ledger.settle([done(forgotten, EventResult(event_id=4710)), done(packed, EventResult(event_id=4711))])
    ledger.settle([dead(dies, "refused"), waiting(waits, "ThreatQ is away", 3_600, service="threatq")])
    ledger.retention.retire_jobs([forgotten.id])
    Packer(redis).step(now_ms(redis) + AFTER_MS + 1)
    ledger.accept([event(4)])
    ledger.accept([Job("indicators.whitelist", {"type": "FQDN", "value": "a.example"}, producer="stub")])
    ledger.settle([refused(claim, InputError("is not known")) for claim in ledger.claim("enrichment", 1)])
    Quarantine(redis).keep([Unreadable("bridge", "list", "not_json", "why", b"[" * 10)])
    _fill_sync(redis)
    for number in range(450):
        redis.rpush(keys.INGEST_RPUSH, f"r{number}")
        redis.lpush(keys.INGEST_LPUSH, f"l{number}")
        redis.xadd(keys.INGEST_STREAM, {"payload": b"\xff%d" % number}, maxlen=1_000)
    redis.sadd(keys.PAUSED, "sync")
    Audit(redis).record("pause", "sync")


def _fill_sync(redis: Any) -> None:
    pending = PendingDelete("aa11", "c", "a list", 2, 5, "a reason", ("bad.example",), 1)
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    redis.hset(sync_keys.pending("aa11"), mapping={str(part): bytes(range(256)) for part in range(40)})
    redis.expire(sync_keys.pending("aa11"), 3_600)
    digests = {f"{part:02}": b"\0\xff" * 8 for part in range(32)}
    redis.hset(sync_keys.manifest("lr", "guid"), mapping={"list": "a list", **digests})
    redis.xadd(sync_keys.HISTORY, {"run": b"{}"}, maxlen=1_000)


def content(redis: Any) -> dict[str, Any]:
    """Return all that a restore must bring back: by its name what a key holds, and when it expires."""
    names = [
        name for name in redis.keys(f"{keys.PREFIX}*") if name.decode() in INDEXES or not is_left_out(name)
    ]
    names += redis.keys(keys.ended("????"))
    return {name.decode(): (_value(redis, name), redis.pexpiretime(name)) for name in sorted(names)}


def _value(redis: Any, name: bytes) -> Any:
    match redis.type(name):
        case b"string":
            return redis.get(name)
        case b"hash":
            return redis.hgetall(name)
        case b"zset":
            return redis.zrange(name, 0, -1, withscores=True)
        case b"set":
            return redis.smembers(name)
        case b"list":
            return redis.lrange(name, 0, -1)
        case b"stream":
            return redis.xrange(name)
    return None
