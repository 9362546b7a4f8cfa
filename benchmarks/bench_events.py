"""Events end to end with 10 ms of ThreatQ latency: ours, the naive way, and Celery's rate of empty tasks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from benchmarks.measuring import Stage, stage, until
from sandbox.launch.demo import EXAMPLE
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from workers.core.jobs import Job
from workers.ledger import keys
from workers.threatq.service import connect

PAYLOADS, NAIVE_PAYLOADS, LATENCY_MS, THREADS = 2_000, 160, 10, 8

PAYLOAD: dict[str, Any] = json.loads(EXAMPLE.read_text())


def payload(number: int) -> dict[str, Any]:
    """Return the guide's payload with a title and three indicators of its own."""
    address = f"203.{number // 62_500 % 250}.{number // 250 % 250}.{number % 250 + 1}"
    uris = f"IP Address:{address}, FQDN:host-{number}.example, URL:evil-{number}.example/path"
    return PAYLOAD | {"event_name": f"{PAYLOAD['event_name']} #{number}", "uri_source": uris}


def run() -> dict[str, Any]:
    """Measure the three in one run."""
    ours = with_workers()
    naive = one_call_per_object()
    celery = celery_alone()
    return {
        **ours,
        "naive_payloads_per_s": naive,
        "celery_noop_per_s": celery,
        "times_naive": round(ours["payloads_per_s"] / naive, 1),
        "times_celery_noop": round(ours["payloads_per_s"] / celery, 2),
    }


def with_workers() -> dict[str, Any]:
    """Let one worker process work off payloads that wait; count, and check that each is one whole event."""
    with stage(latency_ms=LATENCY_MS) as on:
        start_worker(on)
        warm_up(on)
        let_wait(on, PAYLOADS)
        calls_before = on.threatq("GET", "calls")["total"]
        seconds = seconds_to_finish(on)
        calls = on.threatq("GET", "calls")["total"] - calls_before
        check_account(on)
        return {
            "payloads": PAYLOADS,
            "seconds": round(seconds, 2),
            "payloads_per_s": round(PAYLOADS / seconds),
            "calls_per_payload": round(calls / PAYLOADS, 4),
        }


def start_worker(on: Stage, name: str = "worker") -> None:
    """Start one worker process for events and upkeep, and wait until it takes jobs."""
    on.processes.worker(name, "events", "upkeep", threads=THREADS)
    log = on.processes.folder / f"{name}.log"
    on.processes.wait_until(lambda: " ready." in log.read_text(), "the worker")


def let_wait(on: Stage, count: int) -> None:
    """Accept payloads while no worker runs."""
    on.admin.pause("events")
    jobs = [Job("events.create", {"payload": payload(n)}, producer="bench") for n in range(count)]
    for start in range(0, count, 500):
        on.ledger.accept(jobs[start : start + 500])
    until(lambda: not on.client.llen(keys.wake_ups("events")))


def seconds_to_finish(on: Stage) -> float:
    """Let the workers do all that waits; return how many seconds they took."""
    on.admin.resume("events")
    on.ledger.wake("events")
    return until(lambda: not on.client.zcard(keys.due("events")))


def warm_up(on: Stage, count: int = 1) -> None:
    """Bring so many payloads through, so that log-in and look-ups are not measured."""
    numbers = range(10**6, 10**6 + count)
    on.ledger.accept([Job("events.create", {"payload": payload(n)}, producer="bench") for n in numbers])
    until(lambda: on.client.zcard(keys.DONE) == count)


def check_account(on: Stage, warmed_up: int = 1) -> None:
    """Assert that nothing was lost, doubled or left incomplete, of those that warmed up either."""
    count = PAYLOADS + warmed_up
    assert on.client.zcard(keys.DONE) == count, "not every payload is done"
    assert on.client.zcard(keys.DEAD) == 0, "a payload died"
    threatq = connect(on.settings)
    events = threatq.caller.call("GET", "/api/events", params={"limit": "1"})
    assert events["total"] == count, f"{events['total']} events of {count} payloads"
    indicators = threatq.caller.call("GET", "/api/indicators", params={"limit": "1"})
    assert indicators["total"] == 3 * count, f"{indicators['total']} indicators"


def one_call_per_object() -> float:
    """Return payloads a second of a script that makes one call for each object, with as many threads as our worker."""
    with stage(latency_ms=LATENCY_MS) as on, ThreadPoolExecutor(THREADS) as pool:
        base = on.settings.threatq_url
        login = {"grant_type": "password", "client_id": CLIENT_ID}
        answer = requests.post(
            f"{base}/api/token", params=login, json={"email": EMAIL, "password": PASSWORD}, timeout=30
        )
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        shares = [range(start, NAIVE_PAYLOADS, THREADS) for start in range(THREADS)]
        began = time.perf_counter()
        list(pool.map(lambda share: some_events(base, bearer, share), shares))
        return round(NAIVE_PAYLOADS / (time.perf_counter() - began), 1)


def some_events(base: str, bearer: dict[str, str], numbers: Iterable[int]) -> None:
    """Make these events over one connection."""
    with requests.Session() as session:
        session.headers.update(bearer)
        for number in numbers:
            one_event(session, base, payload(number))


def one_event(session: requests.Session, base: str, wanted: dict[str, Any]) -> None:
    """Make one event as a script would: the event, then each attribute, indicator, relation and identity."""

    def post(path: str, body: Any) -> dict[str, Any]:
        answer = session.post(f"{base}/api/{path}", json=body, timeout=30)
        answer.raise_for_status()
        data = answer.json()["data"]
        first: dict[str, Any] = data[0] if isinstance(data, list) else data
        return first

    event = post(
        "events", {"title": wanted["event_name"], "type": "Sighting", "happened_at": "2021-10-05 19:01:02"}
    )
    for pair in wanted["event_attributes"].split("~|"):
        name, _, value = pair.partition("<|")
        post(f"events/{event['id']}/attributes", {"name": name, "value": value})
    for uri in wanted["uri_source"].split(", "):
        kind, _, value = uri.partition(":")
        indicator = post("indicators", {"type": kind, "value": value, "status": "Review"})
        post(f"events/{event['id']}/indicators", {"id": indicator["id"]})
    identity = post("identity", {"value": wanted["identity"]})
    post(f"events/{event['id']}/identity", {"id": identity["id"]})


def celery_alone() -> float:
    """Return empty tasks a second that Celery works off by itself, same pool, preloaded."""
    with stage() as on:
        module = (sys.executable, "-m")
        on.processes.start("preload", *module, "benchmarks.celery_noop", str(PAYLOADS))
        until(lambda: on.client.llen("noop") == PAYLOADS)
        on.processes.running.pop("preload").wait(timeout=30)
        options = ("-P", "threads", "-c", str(THREADS), "--without-gossip", "--without-mingle", "-Q", "noop")
        on.processes.start("noop", *module, "celery", "-A", "benchmarks.celery_noop", "worker", *options)
        until(lambda: int(on.client.get("noop-done") or 0) > 0)
        first, began = int(on.client.get("noop-done") or 0), time.perf_counter()
        until(lambda: int(on.client.get("noop-done") or 0) >= PAYLOADS)
        return round((PAYLOADS - first) / (time.perf_counter() - began))
