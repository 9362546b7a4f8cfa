"""What workers do for a person is recorded under that person's name: a whitelisting, a list that is taken over."""

from __future__ import annotations

import pytest
from redis import Redis

from producers.smart_response.commands import ACTIONS
from producers.smart_response.main import run
from tests.support.sync_stage import Stage
from tests.support.trail import acts, last
from workers.actions.handler import carry_out
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.core.user import user_at_host
from workers.leases import Leases
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.ledger import Ledger
from workers.payload.options import DialectOptions
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration


def act(ledger: Ledger, threatq: ThreatQ, kind: str, sender: str) -> str:
    """Let a worker carry out an action that a token asked for."""
    arguments = {"type": "FQDN", "value": "bad.example", **({"attributes": []} if kind == "add" else {})}
    (accepted,) = ledger.accept([Job(f"indicators.{kind}", arguments, producer="http", sender=sender)])
    dialect, audit = DialectOptions(), Audit(ledger.redis)
    handler = QueueHandler("enrichment", lambda attempt: carry_out(attempt, threatq, dialect, audit), 1)
    consume(handler, ledger, Leases(ledger))
    return accepted.id


def test_a_whitelisting_is_recorded_with_the_token_that_asked_for_it(
    redis: Redis, ledger: Ledger, threatq: ThreatQ
) -> None:
    act(ledger, threatq, "add", "soar")
    assert acts(redis) == []
    job_id = act(ledger, threatq, "whitelist", "soar")
    entry = last(redis)
    assert (entry.act, entry.by, entry.via, entry.what) == ("whitelist", "soar", "http", "FQDN bad.example")
    assert entry.detail["job"] == job_id


def test_a_smart_response_command_names_the_user_who_runs_it(
    redis_url: str, admin: LedgerAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", redis_url)
    run(ACTIONS["tq-lookup"], ["FQDN", "bad.example", "--no-wait"])
    (record,) = admin.records(admin.ids("accepted"))
    assert (record.producer, record.sender) == ("smart-response", user_at_host())


def test_a_list_that_is_taken_over_is_recorded_once(stage: Stage) -> None:
    # given a list of ours of which no manifest is left
    stage.seed(10, types=["FQDN"])
    stage.sync()
    for key in stage.redis.keys("*manifest*"):
        stage.redis.delete(key)
    # when everything is synced again, twice
    stage.sync(mode="full")
    stage.sync(mode="full")
    # then it is said once whose entries are ours from now on
    assert acts(stage.redis) == ["take over"]
    entry = last(stage.redis)
    assert (entry.by, entry.via, entry.what) == ("the schedule", "test", "ThreatQ: FQDN")
    assert entry.detail == {"entries": 10}
