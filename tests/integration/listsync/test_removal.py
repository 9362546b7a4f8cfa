"""A whitelisted indicator leaves LogRhythm's lists by a job of its own, which takes out nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sandbox.threatq.control import value_of
from tests.support.sync_stage import Stage
from workers.actions.handler import carry_out
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.leases import Attempt
from workers.ledger.records import Claim, Settlement, waiting
from workers.ledger.sync_runs import waiting_runs
from workers.listsync.run.listed_value import MOST_LOOKS
from workers.listsync.run.removal import remove, remove_soon
from workers.payload.options import DialectOptions
from workers.tasks.enrichment import handle as enrich

pytestmark = pytest.mark.integration

LIST = "ThreatQ: FQDN"


@pytest.fixture
def false_positives_leave(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage whose list was synced, with the setting that lets false positives leave it."""
    stage.seed(20, types=["FQDN"])
    stage.sync()
    stage.set(sync_false_positive_at_once=True)
    monkeypatch.setattr("workers.tasks.enrichment.runtime", lambda: stage.runtime)
    return stage


def whitelist(stage: Stage, value: str) -> None:
    """Let a worker carry out the action of an analyst."""
    job = Job("indicators.whitelist", {"type": "FQDN", "value": value}, producer="http", sender="soar")
    stage.runtime.ledger.accept([job])

    def leave(claim: Claim, _indicator: object) -> None:
        remove_soon(stage.runtime.ledger, claim, "FQDN", value)

    def handle(attempt: Attempt) -> list[Settlement]:
        return carry_out(attempt, stage.runtime.threatq, DialectOptions(), stage.runtime.audit, leave)

    consume(QueueHandler("enrichment", handle, 1), stage.runtime.ledger, stage.runtime.leases)


def take_out(stage: Stage) -> dict[str, Any]:
    """Let a worker do the job that waits; return what it came to."""
    (job_id,) = stage.admin.ids("accepted", queue="sync")
    handler = QueueHandler(
        "sync", lambda attempt: [remove(claim, stage.runtime) for claim in attempt.claims], 1
    )
    consume(handler, stage.runtime.ledger, stage.runtime.leases)
    return stage.outcome(job_id).note


def test_a_whitelisted_value_leaves_its_list_and_the_next_run_agrees(stage: Stage) -> None:
    # given a list, and one of its entries that an analyst whitelists
    stage.seed(20, types=["FQDN"])
    stage.sync()
    value = value_of("FQDN", 3)
    whitelist(stage, value)

    # when the job is done, just that one is gone
    note = take_out(stage)
    assert (note["status"], note["lists"]) == ("removed", [LIST])
    assert stage.lists()[LIST] == {value_of("FQDN", number) for number in range(20)} - {value}

    # and neither a run nor the same job again changes anything
    for kind in ("delta", "full"):
        result = stage.sync(mode=kind if kind == "full" else "")
        assert (result["kind"], result["adds"], result["deletes"]) == (kind, 0, 0)
        assert len(stage.lists()[LIST]) == 19


def test_what_others_put_into_the_list_stays_even_if_it_is_whitelisted(stage: Stage) -> None:
    stage.logrhythm.fill(LIST, "by-hand.example", list_type="Host")
    stage.seed(5, types=["FQDN"])
    stage.sync()
    stage.runtime.threatq.caller.call(
        "POST", "/api/indicators", json={"value": "by-hand.example", "type": "FQDN", "status": "Active"}
    )
    whitelist(stage, "by-hand.example")
    assert take_out(stage)["lists"] == []
    assert "by-hand.example" in stage.lists()[LIST]


def test_a_value_that_is_active_again_meanwhile_stays(stage: Stage) -> None:
    stage.seed(5, types=["FQDN"])
    stage.sync()
    ledger, value = stage.runtime.ledger, value_of("FQDN", 1)
    ledger.accept([Job("lists.remove", {"type": "FQDN", "value": value}, producer="http")])
    note = take_out(stage)
    assert (note["status"], note["reason"]) == (
        "skipped",
        "its status in ThreatQ is Active: it stays in the lists",
    )
    assert value in stage.lists()[LIST]


def test_nothing_is_started_where_no_list_was_ever_synced(stage: Stage) -> None:
    stage.seed(5, types=["FQDN"])
    whitelist(stage, value_of("FQDN", 1))
    assert [record.kind for record in stage.admin.records(stage.admin.ids("accepted"))] == []


def test_a_removal_that_waits_is_not_taken_for_a_sync_that_waits(stage: Stage) -> None:
    ledger = stage.runtime.ledger
    ledger.accept([Job("lists.remove", {"type": "FQDN", "value": "a.example"}, producer="http")])
    (claim,) = ledger.claim("sync", 1)
    ledger.settle([waiting(claim, "LogRhythm is away", 60, service="logrhythm")])
    assert waiting_runs(stage.redis) == []


def mark(stage: Stage, value: str, verdict: str = "false positive") -> None:
    """Let a worker carry out the action of an analyst who judges a value."""
    arguments = {"type": "FQDN", "value": value, "verdict": verdict}
    stage.runtime.ledger.accept([Job("indicators.mark", arguments, producer="http", sender="soar")])
    consume(QueueHandler("enrichment", enrich, 1), stage.runtime.ledger, stage.runtime.leases)


def test_a_false_positive_leaves_its_list_where_no_data_collection_holds_it_any_more(
    false_positives_leave: Stage,
) -> None:
    # given a list, and one of its entries that falls out of the collection as it is marked
    stage = false_positives_leave
    value = value_of("FQDN", 3)
    (row,) = stage.threatq.call("GET", f"/api/indicators?value={value}").json()["data"]
    assert stage.threatq.call("PUT", f"/api/indicators/{row['id']}", {"status": {"name": "Review"}}).ok

    # when
    mark(stage, value)
    note = take_out(stage)

    # then just that one is gone, and a full run changes nothing
    assert (note["status"], note["lists"]) == ("removed", [LIST])
    assert stage.lists()[LIST] == {value_of("FQDN", number) for number in range(20)} - {value}
    assert stage.sync(mode="full")["deletes"] == 0


def test_a_false_positive_that_a_data_collection_holds_stays_and_is_looked_at_again(
    false_positives_leave: Stage,
) -> None:
    stage = false_positives_leave
    value = value_of("FQDN", 3)
    mark(stage, value)
    (claim,) = stage.runtime.ledger.claim("sync", 1)

    first, last = remove(claim, stage.runtime), remove(replace(claim, attempts=MOST_LOOKS), stage.runtime)

    assert (first.state, last.state) == ("waiting", "done")
    assert "a data collection still holds it for ThreatQ: FQDN" in str(last)
    assert value in stage.lists()[LIST]


@pytest.mark.parametrize(("verdict", "is_set"), [("true positive", True), ("false positive", False)])
def test_no_other_verdict_takes_a_value_out(false_positives_leave: Stage, verdict: str, is_set: bool) -> None:
    false_positives_leave.set(sync_false_positive_at_once=is_set)
    mark(false_positives_leave, value_of("FQDN", 1), verdict)
    assert false_positives_leave.admin.ids("accepted") == []
