"""What became of what was sent, and signs of life."""

from __future__ import annotations

import asyncio
import signal

import httpx
import pytest

from producers.http.context import HttpContext
from producers.http.tokens import ApiTokens
from producers.http_shim import _server
from tests.support.producers import READER, Shim, event
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead, done
from workers.settings.model import Settings

pytestmark = pytest.mark.integration


def test_a_job_is_followed_to_its_end(shim: Shim, ledger: Ledger) -> None:
    batch = shim.post("/v1/events", [event(1), event(2)]).json()
    one, two = ledger.claim("events", 2)
    ledger.settle([done(one, {"event": 7}), dead(two, "the type is unknown")])
    job = shim.call("GET", f"/v1/jobs/{one.id}", token=READER).json()
    assert (job["state"], job["result"]) == ("done", {"event": 7})
    status = shim.call("GET", batch["status_url"]).json()
    assert (status["status"], status["success_count"], status["failure_count"]) == ("complete", 1, 1)


@pytest.mark.parametrize(
    "path", ["/v1/jobs/x", "/v1/jobs/" + "0" * 24, "/v1/batches/" + "0" * 24, "/nothing"]
)
def test_what_is_not_known_is_404(shim: Shim, path: str) -> None:
    assert shim.call("GET", path).status_code == 404


def test_signs_of_life_need_no_token_and_metrics_count(shim: Shim) -> None:
    shim.post("/v1/events", event())
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert shim.call("GET", path, token="").status_code == 200
    text = shim.call("GET", "/metrics", token=READER).text
    assert 'tq_jobs_total{door="http",event="accepted",kind="events.create"} 1.0' in text
    assert 'tq_open_jobs{queue="events"} 1.0' in text
    assert "tq_ledger_up 1.0" in text


def test_payloads_that_had_come_before_are_counted_by_their_sender(shim: Shim) -> None:
    def counted() -> float:
        lines = shim.call("GET", "/metrics").text.splitlines()
        found = [line for line in lines if line.startswith('tq_http_duplicates_total{token="nifi"}')]
        return float(found[0].split()[-1]) if found else 0.0

    shim.post("/v1/events", event(1))
    before = counted()
    shim.post("/v1/events", event(1))
    shim.post("/v1/events", [event(1), event(2), event(2)])
    assert counted() == before + 3


def test_an_entry_point_that_was_told_to_stop_is_ready_no_more(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    producer = HttpContext(Settings(redis_url=redis_url), ApiTokens({}, open_to_all=True))
    server = _server(producer, {})

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(server.config.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            before = await client.get("/readyz")
            server.handle_exit(signal.SIGTERM, None)
            after = await client.get("/readyz")
            await producer.ledger.close()
            return [before, after]

    before, after = asyncio.run(ask())
    assert before.status_code == 200
    assert (after.status_code, after.json()["code"], after.headers["Retry-After"]) == (503, "draining", "1")


def test_a_trace_that_came_in_stays_with_the_job(shim: Shim, admin: LedgerAdmin) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    job_id = shim.post("/v1/events", event(), headers={"traceparent": parent}).json()["id"]
    record = admin.record(job_id)
    assert record is not None
    assert record.trace == parent
