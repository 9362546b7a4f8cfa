"""The operator's admin against a real Redis: what is looked at, edited, replayed and dropped."""

from __future__ import annotations

import threading
import zlib

import msgspec
import pytest

from workers.core.jobs import Job
from workers.core.results import Failure
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


def event(number: int = 1, *, producer: str = "cli", key: str = "") -> Job:
    return Job(
        "events.create", {"payload": {"number": number}}, producer=producer, title=f"event {number}", key=key
    )


class TestLedgerAdmin:
    def kill(self, ledger: Ledger, job: Job) -> str:
        ledger.accept([job])
        (claim,) = ledger.claim(job.kind.queue, 1)
        ledger.settle([dead(claim, Failure("the type is unknown", field="event_type"))])
        return claim.id

    def test_a_replayed_job_keeps_its_history_and_its_id(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        job_id = self.kill(ledger, event())
        assert admin.replay([job_id], note={"by": "operator"}) == [job_id]
        (claim,) = ledger.claim("events", 10)
        assert (claim.id, claim.attempts) == (job_id, 2)
        record = admin.record(job_id)
        assert record is not None
        assert [entry.state for entry in record.history] == ["dead", "accepted"]

    def test_a_replayed_job_can_be_repaired(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        job_id = self.kill(ledger, event())
        body = zlib.compress(msgspec.json.encode({"payload": {"number": 2}}))
        admin.replay([job_id], note={}, body=body)
        assert ledger.claim("events", 10)[0].arguments == {"payload": {"number": 2}}

    def test_a_done_job_that_runs_once_more_does_not_expire_meanwhile(
        self, ledger: Ledger, admin: LedgerAdmin
    ) -> None:
        ledger.accept([event()])
        (claim,) = ledger.claim("events", 1)
        ledger.settle([done(claim, {})])
        admin.replay([claim.id], note={})
        for key in (keys.job(claim.id), keys.progress(claim.id)):
            assert admin.redis.ttl(key) == -1

    def test_a_job_that_is_open_is_not_replayed(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        (answer,) = ledger.accept([event()])
        assert admin.replay([answer.id], note={}) == []

    def test_a_dropped_job_is_gone(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        job_id = self.kill(ledger, event())
        assert admin.drop([job_id]) == 1
        assert admin.record(job_id) is None

    def test_a_job_that_was_replayed_meanwhile_is_not_dropped(
        self, ledger: Ledger, admin: LedgerAdmin
    ) -> None:
        # Given a dead letter that an operator sees and another one replays
        job_id = self.kill(ledger, event())
        admin.replay([job_id], note={})
        # When the first one drops it
        assert admin.drop([job_id]) == 0
        # Then it is still owed
        assert [claim.id for claim in ledger.claim("events", 10)] == [job_id]

    def test_an_outcome_is_answered_as_soon_as_it_is_there(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        ledger.accept([event()])
        (claim,) = ledger.claim("events", 10)
        settler = threading.Timer(0.05, lambda: ledger.settle([done(claim, {"event": 7})]))
        settler.start()
        entry = admin.outcome(claim.id, wait_s=10)
        settler.join()
        assert entry is not None
        assert (entry.state, entry.note) == ("done", {"event": 7})

    def test_an_outcome_that_does_not_come_in_time_is_none(self, ledger: Ledger, admin: LedgerAdmin) -> None:
        (answer,) = ledger.accept([event()])
        assert admin.outcome(answer.id, wait_s=0.05) is None
