"""A record in the ledger that is none is set aside with a name, and everything else goes on."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from redis import Redis

from tests.support.operator import Operator
from tests.support.producers import Shim
from workers.core.errors import BatchTooLarge, MalformedRecord
from workers.core.jobs import MOST_BODY, Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import dead, done, read_body
from workers.ledger.search import search

pytestmark = pytest.mark.integration

FORGED = "f" * 24

HEAD = b"1\nevents.create\nevents\ncli\n\ntitle\n"

#: Records of which no line can be believed.
NO_RECORD = {
    "empty": b"",
    "one line": b"broken",
    "no number": b"x" + HEAD,
    "no UTF-8": b"1\n\xff\nevents\ncli\n\n\nx",
    "a time that no calendar knows": b"9" * 40 + HEAD[1:],
    "a number of ten thousand digits": b"9" * 10_000 + HEAD[1:],
    "like a packed one": b"+1\nevents.create",
}

BOMB = zlib.compress(b'{"payload": "' + b"a" * 300_000_000)

#: Arguments that are none.
NO_ARGUMENTS = {
    "no zlib": b"broken",
    "a bomb of 300 MB": BOMB,
    "cut off": zlib.compress(b"{}")[:-3],
    "no JSON": zlib.compress(b"broken"),
    "no object": zlib.compress(b"[]"),
    "too deep": zlib.compress(b"[" * 100_000),
}


def event(number: int) -> Job:
    return Job("events.create", {"payload": {"n": number}}, producer="cli")


def forge(redis: Redis, record: bytes) -> None:
    """Put a record into the ledger that no producer of ours sends, as a user of an older ACL could."""
    redis.set(keys.job(FORGED), record)
    redis.zadd(keys.due("events"), {FORGED: 1})


@pytest.mark.parametrize("name", NO_RECORD)
def test_what_is_no_record_goes_to_the_quarantine_and_the_jobs_behind_it_to_workers(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin, name: str
) -> None:
    # Given such a record before a job
    forge(redis, NO_RECORD[name])
    ledger.accept([event(1)])
    # Then whatever reads jobs goes on before a worker comes
    overview(redis)
    assert FORGED not in search(redis, "1").ids
    list(admin.records([FORGED]))
    # When a worker claims, one job at a time
    (claim,) = ledger.claim("events", 1)
    # Then it gets the job, and the record has a name
    assert claim.arguments == {"payload": {"n": 1}}
    quarantine = Quarantine(redis)
    if NO_RECORD[name]:
        item = quarantine.item(quarantine.ids(1)[0])
        assert item is not None
        assert (item.code, item.raw) == ("malformed_record", NO_RECORD[name])
        assert item.source == f"events {FORGED}"
    assert not redis.exists(keys.job(FORGED))
    assert admin.open_jobs()["events"] == 1


@pytest.mark.parametrize("name", NO_ARGUMENTS)
def test_arguments_that_cannot_be_read_kill_their_job_alone_and_it_is_listed(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin, name: str
) -> None:
    forge(redis, HEAD + NO_ARGUMENTS[name])
    ledger.accept([event(1)])
    claims = {claim.id: claim for claim in ledger.claim("events", 10)}
    with pytest.raises(MalformedRecord, match="its arguments"):
        assert claims[FORGED].arguments
    ledger.settle([dead(claims[FORGED], "its arguments cannot be read")])
    assert [record.title for record in admin.records(admin.ids("dead"))] == ["title"]
    assert admin.arguments(FORGED) is None
    assert search(redis, "title").ids == [FORGED]
    assert admin.replay([FORGED], note={"by": "a test"}) == [FORGED]


def test_a_bomb_is_inflated_up_to_the_largest_job_alone() -> None:
    tracemalloc.start()
    with pytest.raises(MalformedRecord, match=str(MOST_BODY)):
        read_body(BOMB)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5 * MOST_BODY


def test_a_job_that_no_worker_would_read_is_never_accepted(ledger: Ledger) -> None:
    large = Job("events.create", {"payload": {"text": "a" * MOST_BODY}}, producer="cli")
    with pytest.raises(BatchTooLarge, match="never accepted"):
        ledger.accept([large])


def test_a_key_of_another_type_keeps_no_job_from_being_claimed(redis: Redis, ledger: Ledger) -> None:
    redis.lpush(keys.job(FORGED), "x")
    redis.zadd(keys.due("events"), {FORGED: 1})
    ledger.accept([event(1)])
    assert [claim.arguments for claim in ledger.claim("events", 10)] == [{"payload": {"n": 1}}]


def test_upkeep_packs_what_is_done_beside_a_malformed_record(redis: Redis, ledger: Ledger) -> None:
    ledger.accept([event(1)])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, {"event_id": 1})])
    for record in (HEAD + b"broken", b"broken"):
        redis.set(keys.job(FORGED), record)
        redis.hset(keys.progress(FORGED), mapping={"state": "done", "history": ""})
        redis.zadd(keys.DONE, {FORGED: 1})
        redis.delete(keys.PACKED_UNTIL)
        Packer(redis).step(10**14 + AFTER_MS)
    assert redis.getrange(keys.job(claim.id), 0, 0) == b"+"


def test_the_page_metrics_and_tqctl_go_on(redis: Redis, shim: Shim, operator: Operator) -> None:
    # Given malformed records that are open, dead and done
    forge(redis, b"broken")
    for key in (keys.DEAD, keys.DONE):
        redis.zadd(key, {FORGED: 1})
    redis.hset(keys.progress(FORGED), "state", "dead")
    # Then every reader answers
    assert "tq_ledger_up 1.0" in shim.call("GET", "/metrics").text
    for words in ("status", "jobs list --state done", "jobs list", "jobs find broken", f"jobs show {FORGED}"):
        assert "Traceback" not in operator.types(*words.split()).err
    assert FORGED in operator.types("dead", "list").out
