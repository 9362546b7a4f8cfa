"""Documents in forms of their own through every producer: each becomes the event that its mapping says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from producers.redis_bridge import KEYS
from tests.integration.bridge.test_redis_bridge import bridge, push
from tests.support.mappings import ALARM, DOCUMENT, RECORDS
from tests.support.producers import BIN, Shim
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.events.handler import make_events
from workers.leases import Attempt, Leases
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.payload.options import DialectOptions
from workers.runtime import Runtime

pytestmark = pytest.mark.integration

ARGUMENTS = {"payload": DOCUMENT, "mapping": {"name": "acme-alarm", "version": 2}}


def job_id(document: Any = DOCUMENT) -> str:
    return Job("events.create", {"payload": document}, producer="test").id


@pytest.fixture
def mapping_shim(tmp_path: Path, redis_url: str, own_mappings: str) -> Any:
    """An HTTP entry point with two mappings."""
    with Shim(tmp_path / "shim", redis_url, mappings_dir=own_mappings) as shim:
        yield shim


def test_http_takes_one_several_and_those_that_name_their_mapping(
    mapping_shim: Shim, admin: LedgerAdmin
) -> None:
    # One document
    answer = mapping_shim.post("/v1/events", DOCUMENT)
    assert (answer.status_code, admin.arguments(answer.json()["id"])) == (202, ARGUMENTS)
    # and again, in a batch with one that names no vendor, by name
    unnamed = {"alarm": {"name": "x", "time": 1633460462}}
    lines = "\n".join(map(json.dumps, (DOCUMENT, unnamed))).encode()
    batch = mapping_shim.post("/v1/events?mapping=acme-alarm", lines).json()
    assert [item["status"] for item in batch["items"]] == [202, 202]
    assert batch["items"][0]["duplicate"]
    assert admin.arguments(job_id(unnamed)) == {**ARGUMENTS, "payload": unnamed}


def test_http_refuses_what_no_mapping_is_for_and_a_mapping_that_there_is_not(mapping_shim: Shim) -> None:
    answer = mapping_shim.post("/v1/events", {"vendor": "ACME"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_mapping")
    assert "the nearest are acme-alarm (has no alarm)" in answer.json()["detail"]
    answer = mapping_shim.post("/v1/events?mapping=acme", DOCUMENT)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_query")
    assert "acme-alarm" in answer.json()["detail"]


def test_http_says_what_a_document_would_become(mapping_shim: Shim) -> None:
    (item,) = mapping_shim.post("/v1/events:validate", DOCUMENT).json()["items"]
    assert (item["mapping"], item["plan"]["title"]) == ("acme-alarm, version 2", "Beacon")
    assert item["payload"] == DOCUMENT


def test_each_event_of_a_document_is_an_item_and_the_faulty_one_is_kept(
    mapping_shim: Shim, redis: Redis
) -> None:
    items = mapping_shim.post("/v1/events", RECORDS).json()["items"]
    assert [item["status"] for item in items] == [202, 202, 422]
    item = Quarantine(redis).item(items[2]["quarantine_id"])
    assert item is not None
    assert json.loads(item.raw) == RECORDS


def test_a_refused_document_is_kept_with_the_mapping_that_was_asked_for(
    mapping_shim: Shim, redis: Redis
) -> None:
    lines = "\n".join(map(json.dumps, (DOCUMENT, {"alarm": {"time": 5}}))).encode()
    items = mapping_shim.post("/v1/events?mapping=acme-alarm", lines).json()["items"]
    assert [item["status"] for item in items] == [202, 422]
    item = Quarantine(redis).item(items[1]["quarantine_id"])
    assert item is not None
    assert item.mapping == "acme-alarm"


@pytest.mark.parametrize("way", ["rpush", "stream"])
def test_the_bridge_takes_documents_and_quarantines_those_that_no_mapping_is_for(
    redis: Redis,
    redis_url: str,
    tmp_path: Path,
    own_mappings: str,
    admin: LedgerAdmin,
    way: str,
) -> None:
    quarantine = Quarantine(redis)
    with bridge(tmp_path / way, redis_url, mappings_dir=own_mappings):
        push(redis, way, json.dumps(DOCUMENT).encode(), b'{"vendor": "Other"}')
        until(lambda: admin.arguments(job_id()) == ARGUMENTS and quarantine.ids(1))
    (item_id,) = quarantine.ids(10)
    item = quarantine.item(item_id)
    assert item is not None
    assert (item.code, item.source) == ("no_mapping", KEYS[way])


def test_the_command_line_takes_documents_and_explains_them(
    redis_url: str, tmp_path: Path, own_mappings: str, admin: LedgerAdmin
) -> None:
    def builder(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BIN / "tq-conn-events-builder"), "-c", str(tmp_path), "-p", json.dumps(DOCUMENT), *options],
            env={"TQ_REDIS_URL": redis_url, "TQ_MAPPINGS_DIR": own_mappings, "XDG_STATE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    explained = builder("--explain")
    assert "Mapping      acme-alarm, version 2\n" in explained.stdout, explained
    assert "Beacon" in explained.stdout
    assert builder("--mapping", "acme-alarm").returncode == 0
    assert admin.arguments(job_id()) == ARGUMENTS
    wrong = builder("--mapping", "acme")
    assert wrong.returncode == 2
    assert "there is no 'acme'; the nearest are " in wrong.stderr


def test_a_worker_makes_the_event_and_one_without_the_mapping_waits(
    mapping_shim: Shim,
    runtime: Runtime,
    ledger: Ledger,
    threatq_sandbox: SandboxThreatQ,
    own_mappings: str,
) -> None:
    mapping_shim.post("/v1/events", DOCUMENT)
    attempt = Attempt(ledger.claim("events", 10), Leases(ledger))
    # Given a worker that does not have the mapping
    (settlement,) = make_events(attempt, runtime.threatq, DialectOptions())
    assert settlement.state == "deferred"
    assert "does not know version 2 of the mapping acme-alarm" in settlement.entry["reason"]
    # then one that has it
    (settlement,) = make_events(attempt, runtime.threatq, DialectOptions(mappings_dir=own_mappings))
    assert settlement.state == "done"
    (event,) = threatq_sandbox.get("/api/events?with=attributes,indicators,sources")["data"]
    assert (event["title"], event["happened_at"]) == ("Beacon", "2021-10-05 19:01:02")
    assert [indicator["value"] for indicator in event["indicators"]] == ["1.2.3.4"]


def test_a_faulty_mapping_of_the_users_is_named_and_costs_no_other(
    tmp_path: Path, redis_url: str, own_mappings: str, admin: LedgerAdmin
) -> None:
    (Path(own_mappings) / "bad.yaml").write_text(
        ALARM.replace("acme-alarm", "bad").replace("alarm.name", "a b")
    )
    with Shim(tmp_path / "shim", redis_url, mappings_dir=own_mappings) as shim:
        assert shim.post("/v1/events", DOCUMENT).status_code == 202
        detail = shim.post("/v1/events?mapping=bad", DOCUMENT).json()["detail"]
        assert "bad.yaml:6: fields.event_name: `a b` is no JMESPath" in detail
    assert "mapping cannot be used" in (tmp_path / "shim" / "tq-http-shim.log").read_text()
