"""A corrected mapping is replayed over what it touched: jobs that died, jobs that are done, and the quarantine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis import Redis

from tests.support.mappings import ALARM, DOCUMENT
from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.trail import last
from workers.core.jobs import Job
from workers.events.handler import make_events
from workers.leases import Attempt, Leases
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.records import dead
from workers.payload.options import DialectOptions
from workers.runtime import Runtime

pytestmark = pytest.mark.integration

#: The mapping as it is corrected: another title, and an attribute more.
CORRECTED = ALARM.replace("version: 2", "version: 3").replace(
    "event_name: alarm.name", "event_name: template('{} at ACME', alarm.name)"
)


@pytest.fixture
def author(operator: Operator, own_mappings: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator whose folder of mappings is set."""
    monkeypatch.setenv("TQ_MAPPINGS_DIR", own_mappings)
    monkeypatch.setattr("workers.mappings.folder.LOOK_EVERY_S", 0.0)
    return operator


def correct(own_mappings: str) -> None:
    (Path(own_mappings) / "acme-alarm.yaml").write_text(CORRECTED)


def accept(ledger: Ledger, name: str = "acme-alarm", version: int = 2) -> str:
    arguments = {"payload": DOCUMENT, "mapping": {"name": name, "version": version}}
    (answer,) = ledger.accept([Job("events.create", arguments, producer="http", title="Beacon")])
    return answer.id


def work(ledger: Ledger, runtime: Runtime, own_mappings: str) -> None:
    claims = ledger.claim("events", 10)
    settlements = make_events(
        Attempt(claims, Leases(ledger)), runtime.threatq, DialectOptions(mappings_dir=own_mappings)
    )
    ledger.settle(settlements)


def test_a_done_job_is_done_again_and_its_event_is_brought_up_to_date(
    author: Operator,
    ledger: Ledger,
    admin: LedgerAdmin,
    runtime: Runtime,
    threatq_sandbox: SandboxThreatQ,
    own_mappings: str,
) -> None:
    # Given an event, and a mapping that is corrected since
    job_id = accept(ledger)
    work(ledger, runtime, own_mappings)
    (before,) = threatq_sandbox.get("/api/events")["data"]
    assert before["title"] == "Beacon"
    correct(own_mappings)
    # then the difference is shown, and nothing is changed without --yes
    (change,) = author.asks("mapping", "diff", "acme-alarm")
    assert (change["job"], change["changes"]) == (job_id, {"title": ["Beacon", "Beacon at ACME"]})
    assert author.asks("mapping", "replay", "acme-alarm")["replayed"] == [job_id]
    record = admin.record(job_id)
    assert record is not None
    assert record.state == "done"
    # When it is replayed
    assert author.asks("mapping", "replay", "acme-alarm", "--yes")["replayed"] == [job_id]
    work(ledger, runtime, own_mappings)
    # Then it is the same event, with its new title
    (after,) = threatq_sandbox.get("/api/events")["data"]
    assert (after["id"], after["title"]) == (before["id"], "Beacon at ACME")
    record = admin.record(job_id)
    assert record is not None
    assert (record.state, record.result["event_id"]) == ("done", before["id"])


def test_a_worker_with_the_old_version_leaves_a_replayed_job_to_others(
    author: Operator,
    ledger: Ledger,
    admin: LedgerAdmin,
    runtime: Runtime,
    own_mappings: str,
) -> None:
    job_id = accept(ledger)
    ledger.settle([dead(ledger.claim("events", 1)[0], "the mapping was wrong")])
    correct(own_mappings)
    author.asks("mapping", "replay", "acme-alarm", "--yes")
    assert (admin.arguments(job_id) or {})["mapping"] == {"name": "acme-alarm", "version": 3}
    (Path(own_mappings) / "acme-alarm.yaml").write_text(ALARM)
    work(ledger, runtime, own_mappings)
    record = admin.record(job_id)
    assert record is not None
    assert "does not know version 3 of the mapping acme-alarm" in record.reason


def test_what_was_a_generic_event_becomes_what_its_mapping_says(
    author: Operator, ledger: Ledger, admin: LedgerAdmin
) -> None:
    job_id = accept(ledger, "generic", 1)
    ledger.settle([dead(ledger.claim("events", 1)[0], "it says too little")])
    assert author.asks("mapping", "replay", "acme-alarm", "--yes")["replayed"] == [job_id]
    assert (admin.arguments(job_id) or {})["mapping"]["name"] == "acme-alarm"


def test_what_no_mapping_was_for_is_read_again(author: Operator, redis: Redis, admin: LedgerAdmin) -> None:
    quarantine = Quarantine(redis)
    raws = (json.dumps(DOCUMENT).encode(), b'{"still": "unknown"}')
    quarantine.keep([Unreadable("redis", "list", "no_mapping", "no mapping is for it", raw) for raw in raws])
    (job_id,) = author.asks("mapping", "replay", "acme-alarm", "--yes")["released"]
    assert (admin.arguments(job_id) or {})["payload"] == DOCUMENT
    assert len(quarantine.ids(10)) == 1


#: No mapping is for this one by itself.
UNNAMED = {"alarm": {"name": "x", "time": 1633460462}}


def keep_asking_for(redis: Redis, mapping: str) -> str:
    raw = json.dumps(UNNAMED).encode()
    (item_id,) = Quarantine(redis).keep([Unreadable("http", "nifi", "invalid_event", "why", raw, mapping)])
    return item_id


def test_what_asked_for_a_mapping_is_released_by_that_one(
    author: Operator, redis: Redis, admin: LedgerAdmin
) -> None:
    item_id = keep_asking_for(redis, "acme-alarm")
    assert "  mapping   acme-alarm\n" in author.types("dead", "show", item_id).out
    (job_id,) = author.asks("dead", "replay", item_id)["released"]
    assert admin.arguments(job_id) == {
        "payload": UNNAMED,
        "mapping": {"name": "acme-alarm", "version": 2},
    }


def test_what_asked_for_a_mapping_that_there_is_not_is_released_by_another_one(
    author: Operator, redis: Redis, admin: LedgerAdmin
) -> None:
    item_id = keep_asking_for(redis, "acme-alram")
    assert (
        "there is no 'acme-alram'; the nearest are acme-alarm" in author.types("dead", "replay", item_id).err
    )
    assert "No mapping is for this document" in author.types("dead", "replay", item_id, "--mapping", "").err
    (job_id,) = author.asks("dead", "replay", item_id, "--mapping", "acme-alarm")["released"]
    assert (admin.arguments(job_id) or {})["mapping"]["name"] == "acme-alarm"


def test_a_replay_of_a_mapping_reads_again_what_asked_for_it_and_nothing_that_asked_for_another(
    author: Operator, redis: Redis
) -> None:
    ours, other = keep_asking_for(redis, "acme-alarm"), keep_asking_for(redis, "acme-trail")
    assert len(author.asks("mapping", "replay", "acme-alarm", "--yes")["released"]) == 1
    assert Quarantine(redis).ids() == [other]
    assert ours != other


def test_a_job_is_not_replayed_by_a_mapping_where_its_quarantine_was_meant(
    author: Operator, ledger: Ledger
) -> None:
    job_id = accept(ledger)
    ledger.settle([dead(ledger.claim("events", 1)[0], "why")])
    answer = author.types("dead", "replay", job_id, "--mapping", "acme-alarm")
    assert (answer.code, "tqctl mapping replay NAME does jobs again" in answer.err) == (2, True)


def test_a_replay_by_a_mapping_is_recorded_with_its_name(
    author: Operator, ledger: Ledger, redis: Redis
) -> None:
    job_id = accept(ledger)
    ledger.settle([dead(ledger.claim("events", 1)[0], "why")])
    author.asks("mapping", "replay", "acme-alarm", "--yes")
    entry = last(redis)
    assert (entry.act, entry.what) == ("replay", job_id)
    assert entry.detail == {"jobs": 1, "mapping": "acme-alarm, version 2"}


def test_a_file_is_compared_with_the_mapping_that_it_is_to_replace(
    author: Operator, ledger: Ledger, runtime: Runtime, own_mappings: str, tmp_path: Path
) -> None:
    job_id = accept(ledger)
    work(ledger, runtime, own_mappings)
    draft = tmp_path / "acme-alarm.yaml"
    draft.write_text(CORRECTED.replace("    Rule: alarm.rule", "    Host: alarm.host"))
    (change,) = author.asks("mapping", "diff", str(draft))
    assert change["job"] == job_id
    assert change["changes"]["title"] == ["Beacon", "Beacon at ACME"]
    assert change["changes"]["attributes"] == [[], [{"name": "Host", "value": "dc01"}]]
    assert "title: Beacon -> Beacon at ACME" in author.types("mapping", "diff", str(draft)).out


def test_a_mapping_that_there_is_not_is_told(author: Operator) -> None:
    for action in ("replay", "diff"):
        answer = author.types("mapping", action, "acme")
        assert answer.code == 2
        assert "there is no 'acme'; the nearest are " in answer.err
        assert "acme-alarm" in answer.err
