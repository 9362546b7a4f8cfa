"""Erasure: whatever mentions a person or a value is found, forgotten and accounted for; nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from tests.integration.ui.letters import accept, bury
from tests.support.operator import Operator
from tests.support.trail import last
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys, sync_keys
from workers.ledger.acts import Actor
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit, entries
from workers.ledger.connection import now_ms
from workers.ledger.erasure import mentions, plain
from workers.ledger.ledger import Ledger
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.records import done
from workers.ledger.spool import Spool
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes

pytestmark = pytest.mark.integration

VALUE = "alice@example.com"


@pytest.mark.parametrize(
    ("text", "value", "is_there"),
    [
        ("from 10.0.0.1.", "10.0.0.1", True),
        ("from 10.0.0.10", "10.0.0.1", False),
        ("from 110.0.0.1", "10.0.0.1", False),
        ("from 110.0.0.1 and 10.0.0.1", "10.0.0.1", True),
        ("ALICE[@]example[.]com", VALUE, True),
        ("malice@example.com", VALUE, False),
        ('{"user":"alice@example.com"}', VALUE, True),
    ],
)
def test_a_value_is_found_as_a_word_of_its_own(text: str, value: str, is_there: bool) -> None:
    assert mentions(text, plain(value)) == is_there


def complete(ledger: Ledger, title: str, user: str) -> str:
    job_id = accept(ledger, title, user=user)
    ledger.settle([done(claim, EventResult(event_id=7)) for claim in ledger.claim("events", 1)])
    return job_id


@pytest.fixture
def jobs(ledger: Ledger, redis: Redis) -> dict[str, str]:
    """A job of each state that mentions the value, some that do not, and all other places that hold it."""
    by_state = {"dead": bury(ledger, f"mail of {VALUE}"), "done": complete(ledger, "one", VALUE)}
    by_state["other done"] = complete(ledger, "two", "bob@example.com")
    by_state["other dead"] = bury(ledger, "other")
    by_state["open"] = accept(ledger, "three", user="Alice@Example.com")
    by_state["other open"] = accept(ledger, "four")
    raws = (b'{"user": "alice@example.com"', b"[")
    Quarantine(redis).keep([Unreadable("http", "nifi", "not_json", "why", raw) for raw in raws])
    pending = PendingDelete("aa11", "c", "a list", 2, 5, "why", (VALUE, "bad.example"), 1)
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    Audit(redis, Actor("bob", "http")).record("whitelist", f"Email Address {VALUE}")
    Audit(redis, Actor("bob", "http")).record("pause", "sync")
    return by_state


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    """A spool with a job that mentions the value, and one that does not."""
    spool = Spool(str(tmp_path / "spool"))
    monkeypatch.setenv("TQ_SPOOL_DIR", spool.folder)
    spool.keep([Job("events.create", {"payload": {"user": user}}, producer="cli") for user in (VALUE, "bob")])
    return spool


COUNTS = {
    "open": 1,
    "done": 1,
    "dead": 1,
    "refused": 0,
    "quarantined": 1,
    "samples": 1,
    "audit": 1,
    "spool": 1,
}


def test_a_dry_run_counts_and_forgets_nothing(
    jobs: dict[str, str], spool: Spool, operator: Operator, admin: LedgerAdmin, redis: Redis
) -> None:
    account = operator.asks("erase", VALUE, "--dry-run")
    assert {name: account[name] for name in COUNTS} == COUNTS
    assert set(account["jobs"]) == {jobs["open"], jobs["done"], jobs["dead"]}
    assert account["scanned"] == 6
    assert all(admin.record(job_id) for job_id in jobs.values())
    assert Quarantine(redis).count() == spool.waiting() == 2
    assert operator.types("erase", VALUE).code == 2


def test_all_of_it_is_forgotten_and_nothing_else(
    jobs: dict[str, str], spool: Spool, operator: Operator, admin: LedgerAdmin, redis: Redis
) -> None:
    account = operator.asks("erase", VALUE, "--yes")
    assert {name: account[name] for name in COUNTS} == COUNTS
    assert any("ThreatQ" in place for place in account["not_reached"])
    assert {name for name, job_id in jobs.items() if admin.record(job_id)} == {
        "other done",
        "other dead",
        "other open",
    }
    # a done one is still known to be done
    marker = admin.marker(jobs["done"])
    assert marker is not None
    assert marker.event_id == 7
    assert admin.open_jobs()["events"] == 1
    assert Quarantine(redis).count() == spool.waiting() == 1
    (pending,) = PendingDeletes(redis).every()
    assert (pending.samples, pending.count) == (("bad.example",), 2)
    # and the trail says that it was done, without what
    assert VALUE not in repr(list(entries(redis)))
    entry = last(redis)
    assert (entry.act, entry.detail) == ("erase", {"jobs": 3, "quarantined": 1, "audit_entries": 1})
    again = operator.asks("erase", VALUE, "--dry-run")
    assert [again[name] for name in COUNTS] == [0] * len(COUNTS)


def test_jobs_that_are_packed_are_found_and_what_they_are_packed_against_is_told(
    jobs: dict[str, str], operator: Operator, admin: LedgerAdmin, redis: Redis
) -> None:
    Packer(admin.redis).step(now_ms(admin.redis) + 2 * AFTER_MS, within_s=60)
    assert redis.get(keys.job(jobs["done"]))[:1] == b"+"
    account = operator.asks("erase", VALUE, "--yes")
    assert (account["done"], account["dictionaries"]) == (1, 1)
    assert admin.record(jobs["done"]) is None
    other = admin.arguments(jobs["other done"])
    assert other is not None
    assert other["payload"]["user"] == "bob@example.com"


def test_a_value_that_is_too_short_is_refused(operator: Operator) -> None:
    answer = operator.types("erase", "bob", "--dry-run")
    assert (answer.code, "at least 4 characters" in answer.err) == (2, True)


def test_the_account_is_told_in_words(jobs: dict[str, str], operator: Operator) -> None:
    shown = operator.types("erase", VALUE, "--dry-run").out
    assert "What would be forgotten" in shown
    assert "Not reached:" in shown
    assert json.dumps(VALUE) not in shown


def test_a_group_of_firings_loses_the_value_and_its_name_and_keeps_its_count(
    redis: Redis, operator: Operator
) -> None:
    # Given a group that is named by the value and has it among others
    facts = {"until": 1, "label": f"Mail, identity {VALUE}", "source": "Mail", "count": 3}
    redis.zadd(keys.GROUPS, {"g": 2_000_000_000_000})
    redis.hset(keys.grouped("g"), mapping=facts)
    values = {json.dumps(["identity", VALUE]): 3, json.dumps(["malware", "Emotet"]): 1}
    redis.hset(keys.grouped_values("g"), mapping=values)
    # When the value is erased
    answer = operator.asks("erase", VALUE, "--yes")
    # Then nothing of the group says it any more
    assert answer["groups"] == 1
    assert redis.hkeys(keys.grouped_values("g")) == [b'["malware", "Emotet"]']
    assert redis.hmget(keys.grouped("g"), "label", "source", "count") == [b"[erased]", b"Mail", b"3"]
