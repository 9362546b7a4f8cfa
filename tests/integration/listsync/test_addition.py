"""An indicator that an analyst adds goes into LogRhythm's lists by a job of its own, if a data collection holds it."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.threatq.control import value_of
from tests.support.sync_stage import MAPPING, Stage
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.leases import Attempt
from workers.ledger.records import Settlement, released
from workers.listsync.run.addition import MOST_LOOKS, add
from workers.listsync.run.manifests import Manifests
from workers.listsync.run.removal import remove
from workers.tasks.enrichment import handle

pytestmark = pytest.mark.integration

LIST, VALUE = "ThreatQ: FQDN", "fresh.example"


@pytest.fixture
def synced(stage: Stage) -> Stage:
    """A stage whose list was synced, and a ThreatQ to which an indicator was then added."""
    stage.seed(20, types=["FQDN"])
    stage.sync()
    put(stage, "Active")
    return stage


def put(stage: Stage, status: str, value: str = VALUE, type_name: str = "FQDN") -> None:
    """Add an indicator with a status, or give it another."""
    row = {"value": value, "type": type_name, "status": status}
    answer = stage.threatq.call("POST", "/api/indicators", row).json()["data"][0]
    assert stage.threatq.call("PUT", f"/api/indicators/{answer['id']}", {"status": {"name": status}}).ok


def start(stage: Stage, value: str = VALUE, *, kind: str = "lists.add", type_name: str = "FQDN") -> str:
    job = Job(kind, {"type": type_name, "value": value}, producer="http")
    return stage.runtime.ledger.accept([job])[0].id


def work(stage: Stage) -> None:
    """Let a worker do the jobs about single values."""
    jobs = {"lists.add": add, "lists.remove": remove}

    def do(attempt: Attempt) -> list[Settlement]:
        return [jobs[claim.kind](claim, stage.runtime) for claim in attempt.claims]

    consume(QueueHandler("sync", do, 1), stage.runtime.ledger, stage.runtime.leases)


def go_in(stage: Stage, value: str = VALUE, type_name: str = "FQDN") -> dict[str, Any]:
    job_id = start(stage, value, type_name=type_name)
    work(stage)
    return stage.outcome(job_id).note


@pytest.mark.parametrize("spelling", [VALUE, "Fresh.Example."])
def test_an_added_value_goes_into_its_list_and_the_next_run_agrees(synced: Stage, spelling: str) -> None:
    note = go_in(synced, spelling)
    assert (note["status"], note["lists"]) == ("added", [LIST])
    assert VALUE in synced.lists()[LIST]

    # and neither the same job again nor a run changes anything
    assert go_in(synced)["lists"] == [LIST]
    result = synced.sync()
    assert (result["adds"], result["deletes"], len(synced.lists()[LIST])) == (0, 0, 21)

    # and it is ours: it goes when it has left the collection
    put(synced, "Expired")
    assert synced.sync()["deletes"] == 1
    assert VALUE not in synced.lists()[LIST]


def test_a_value_that_leaves_before_the_next_run_goes_with_it(synced: Stage) -> None:
    go_in(synced)
    put(synced, "Expired")
    assert synced.sync()["deletes"] == 1
    assert VALUE not in synced.lists()[LIST]


def test_threatq_is_given_time_to_put_it_into_the_collection(synced: Stage) -> None:
    put(synced, "Review", "later.example")
    job_id = start(synced, "later.example")
    work(synced)
    assert (synced.outcome(job_id).state, synced.outcome(job_id).note["again_in_s"]) == ("waiting", 1.0)
    put(synced, "Active", "later.example")
    synced.hurry()
    work(synced)
    assert synced.outcome(job_id).note["lists"] == [LIST]


def test_a_value_that_no_collection_holds_is_left_to_the_next_run_after_some_looks(synced: Stage) -> None:
    put(synced, "Review", "never.example")
    job_id = start(synced, "never.example")
    for _ in range(MOST_LOOKS):
        work(synced)
        synced.hurry()
    note = synced.outcome(job_id).note
    assert (note["status"], note["reason"].startswith("no data collection held it in 6 looks")) == (
        "skipped",
        True,
    )
    assert len(synced.lists()[LIST]) == 20


def test_a_status_that_is_kept_out_keeps_an_added_value_out(synced: Stage) -> None:
    synced.threatq.control("collections/share", {"name": "LogRhythm-IOCList", "shared": False})
    synced.share(query={"criteria": {"value": VALUE}})
    put(synced, "Whitelisted")
    start(synced)
    work(synced)
    assert VALUE not in synced.lists()[LIST]


@pytest.mark.parametrize("looks_before", range(3, 7))
def test_a_run_that_has_read_the_collection_before_does_not_take_it_out_again(
    stage: Stage, looks_before: int
) -> None:
    # given a run in whose middle an indicator is added: once it has read ThreatQ, or the list, or neither
    stage.seed(20, types=["FQDN"])
    stage.sync()
    looks = count(1)
    job_id = stage.start(mode="full")
    stage.consume(stopping=lambda: next(looks) > looks_before)
    assert stage.admin.outcome(job_id) is None
    put(stage, "Active")

    # when it goes into the list at once and the run goes on
    listed, ledger = start(stage), stage.runtime.ledger
    ledger.settle(
        [
            add(claim, stage.runtime) if claim.id == listed else released(claim)
            for claim in ledger.claim("sync", 2)
        ]
    )
    while stage.consume():
        pass
    assert stage.outcome(listed).note["lists"] == [LIST]
    assert stage.outcome(job_id).note["status"] == "done"
    assert VALUE in stage.lists()[LIST]

    # then the run has left it there, and it is still ours
    put(stage, "Expired")
    assert stage.sync()["deletes"] == 1


def test_what_another_has_put_into_the_list_before_stays_that_ones(synced: Stage) -> None:
    synced.logrhythm.fill(LIST, VALUE, list_type="Host")
    assert go_in(synced)["lists"] == []
    put(synced, "Expired")
    assert synced.sync()["deletes"] == 0
    assert VALUE in synced.lists()[LIST]


def test_the_first_value_of_a_type_makes_its_list(synced: Stage) -> None:
    put(synced, "Active", "198.51.100.7", "IP Address")
    assert go_in(synced, "198.51.100.7", "IP Address")["lists"] == ["ThreatQ: IP Address"]
    assert synced.lists()["ThreatQ: IP Address"] == {"198.51.100.7"}
    put(synced, "Expired", "198.51.100.7", "IP Address")
    assert synced.sync()["deletes"] == 1


def test_a_list_that_only_a_run_may_change_is_left_to_it(synced: Stage) -> None:
    synced.logrhythm.fill("ThreatQ: MD5", "0" * 32)
    put(synced, "Active", "1" * 32, "MD5")
    assert go_in(synced, "1" * 32, "MD5")["lists"] == []
    synced.set(sync_list_maximum=20)
    assert go_in(synced)["lists"] == []
    assert len(synced.lists()[LIST]) == 20


def test_each_collection_that_holds_it_gets_it(synced: Stage) -> None:
    synced.share("Second")
    synced.set(sync_collections=f'{MAPPING}Second:\n  baseName: "Second "\n')
    synced.sync("Second")
    put(synced, "Active", "both.example")
    assert go_in(synced, "both.example")["lists"] == [LIST, "Second FQDN"]


@pytest.mark.parametrize("logrhythm_config", [LogRhythmConfig(duplicates="error")])
def test_a_logrhythm_that_refuses_what_is_there_already_ends_no_job_badly(
    synced: Stage, logrhythm_config: LogRhythmConfig
) -> None:
    synced.logrhythm.fill(LIST, VALUE, list_type="Host")
    assert go_in(synced)["status"] == "skipped"
    tools = Manifests(synced.redis, synced.runtime.settings.logrhythm_url)
    assert not tools.has(synced.guid(LIST), VALUE, caseless=True)


def test_an_added_value_that_is_whitelisted_leaves_at_once(synced: Stage) -> None:
    go_in(synced)
    put(synced, "Whitelisted")
    job_id = start(synced, kind="lists.remove")
    work(synced)
    assert synced.outcome(job_id).note["lists"] == [LIST]
    assert VALUE not in synced.lists()[LIST]


@pytest.mark.parametrize(("is_set", "kinds"), [(False, []), (True, ["lists.add"])])
def test_an_action_starts_the_job_where_that_is_set(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, is_set: bool, kinds: list[str]
) -> None:
    stage.seed(5, types=["FQDN"])
    stage.sync()
    stage.set(sync_add_at_once=is_set)
    monkeypatch.setattr("workers.tasks.enrichment.runtime", lambda: stage.runtime)
    stage.runtime.ledger.accept(
        [
            Job(
                "indicators.add",
                {"type": "FQDN", "value": value_of("FQDN", 2), "attributes": []},
                producer="http",
            )
        ]
    )
    consume(QueueHandler("enrichment", handle, 1), stage.runtime.ledger, stage.runtime.leases)
    assert [record.kind for record in stage.admin.records(stage.admin.ids("accepted", queue="sync"))] == kinds
