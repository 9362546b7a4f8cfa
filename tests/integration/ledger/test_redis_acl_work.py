"""The page, tqctl and the list sync need no more rights in Redis than the ACL file gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
import requests
from redis import Redis

from tests.support.browsing import Forms, Visitor
from tests.support.deployed import TOKEN, Deployment, command, payload
from tests.support.redis_users import guarded_redis
from tests.support.waiting import until
from workers.ledger import sync_keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes
from workers.ledger.sync_runs import history

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A whole system, each part as its own user."""
    folder = tmp_path_factory.mktemp("deployed")
    with guarded_redis(folder) as guarded, ExitStack() as stack:
        made = Deployment(guarded, folder, stack)
        made.start()
        yield made


@pytest.fixture
def deployment(system: Deployment) -> Iterator[Deployment]:
    """The same system; Redis forgets what it refused before, and refuses nothing in the test."""
    with Redis.from_url(system.guarded.url("operator")) as redis:
        redis.execute_command("ACL LOG RESET")
    yield system
    assert system.refusals() == []


@pytest.fixture
def writer(system: Deployment) -> Iterator[Redis]:
    """A user who may put things where a test needs them."""
    with connect(system.guarded.url("worker")) as client:
        yield client


def make_pending(redis: Redis, name: str) -> None:
    """Put deletes where the guard puts those that wait for approval."""
    pending = PendingDelete(
        name, "LogRhythm-IOCList", f"ThreatQ: {name}", 9, 9, "a reason", ("x.example",), 1
    )
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))


def bury(deployment: Deployment, redis: Redis, name: str) -> str:
    """Send a payload that ThreatQ refuses; return the id of the dead letter."""
    url = f"{deployment.rehearsal.settings.threatq_url}/sandbox/behaviour"
    requests.post(url, json={"poison": ["*poisoned*"]}, timeout=10).raise_for_status()
    admin, before = LedgerAdmin(redis), set(LedgerAdmin(redis).ids("dead"))
    deployment.call(
        "producer", command("tq-conn-events-builder"), "-p", "-", given=payload(f"poisoned {name}")
    )
    until(lambda: set(admin.ids("dead")) - before, within_s=30)
    (job_id,) = set(admin.ids("dead")) - before
    return job_id


def test_the_http_entry_point_does_all_that_it_offers(deployment: Deployment) -> None:
    head = {"Authorization": f"Bearer {TOKEN}"}

    def call(method: str, path: str, **options: Any) -> requests.Response:
        headers = {**head, **options.pop("headers", {})}
        answer = requests.request(method, deployment.producer + path, headers=headers, timeout=30, **options)
        assert answer.ok, (path, answer.text)
        return answer

    event = json.loads(payload("through the producer"))
    accepted = call("POST", "/v1/events", json=event, headers={"Idempotency-Key": "one"}).json()
    until(lambda: call("GET", f"/v1/jobs/{accepted['id']}").json()["state"] == "done", within_s=30)
    batch = call("POST", "/v1/events", json=[event, {"event_name": "a second"}, {"nothing": 1}]).json()
    call("GET", f"/v1/batches/{batch['batch_id']}")
    call("POST", "/v1/events:validate", json=event)
    call("POST", "/v1/actions/lookup", json={"type": "FQDN", "value": "x.example"}, params={"wait": "20"})
    assert "tq_ledger_up 1.0" in call("GET", "/metrics").text
    call("GET", "/readyz")


def test_the_status_page_does_all_that_it_shows(deployment: Deployment, writer: Redis) -> None:
    # Given a dead letter, pending deletes and two items in the quarantine
    job_id = bury(deployment, writer, "page")
    make_pending(writer, "aa11")
    kept = Quarantine(writer).keep(
        [Unreadable("http", "", "not_json", "why", text) for text in (b'{"event_name": "a"', b"\xff")]
    )

    # When an operator signs in, looks everywhere and presses every button
    visitor = Visitor(deployment.producer)
    assert visitor.sign_in(TOKEN).url.endswith("/")
    for page in (
        "/",
        "/jobs?q=poisoned",
        f"/jobs/{job_id}",
        "/jobs?list=done",
        "/syncs",
        "/quarantine",
        "/audit",
    ):
        assert visitor.get(page).status_code == 200, page
    assert visitor.send("/", "/queues/sync/pause").ok
    assert visitor.send("/", "/queues/sync/resume").ok
    assert "will be tried again" in visitor.send(f"/jobs/{job_id}", "/replay").text
    assert "approved" in visitor.send("/", "/syncs/aa11/approve").text
    mended = payload("mended").decode()
    assert visitor.send(f"/quarantine/{kept[0]}", f"/quarantine/{kept[0]}/retry", text=mended).ok
    csrf = Forms(visitor.get(f"/quarantine/{kept[1]}").text).found[f"/quarantine/{kept[1]}/retry"]
    assert visitor.post(f"/quarantine/{kept[1]}/drop", **csrf).ok
    assert visitor.send("/", "/sign-out").url.endswith("/sign-in")

    # Then it is all done
    assert PendingDeletes(writer).every()[0].approved_by == "you"
    assert not set(kept) & set(Quarantine(writer).ids(9))
    writer.hdel(sync_keys.PENDING, "aa11")


def test_the_list_sync_runs_from_the_command_to_the_lists(deployment: Deployment, writer: Redis) -> None:
    deployment.call("operator", command("tq-conn-logrhythm"), "--dry-run")
    deployment.call("operator", command("tq-conn-logrhythm"))
    deployment.rehearsal.expire(2)
    deployment.call("operator", command("tq-conn-logrhythm"), "--inline")

    first, second = reversed([run for run in history(writer) if run.status == "done"])
    assert (first.adds, second.deletes > 0) == (2_500, True)


def test_tqctl_does_all_it_can_as_the_operator(deployment: Deployment, writer: Redis) -> None:
    # Given something of each kind
    first, second = bury(deployment, writer, "one"), bury(deployment, writer, "two")
    make_pending(writer, "bb22")
    quarantine = Quarantine(writer)
    kept = quarantine.keep([Unreadable("bridge", "list", "not_json", "why", b'{"event_name": "a"')])
    tqctl = command("tqctl")

    # When an operator types every command
    for words in (
        "status", "config", "capacity", "jobs list --state done", "jobs find poisoned", f"jobs show {first}",
        "dead list", f"dead show {first}", f"dead show {kept[0]}", f"dead replay {first}", f"dead drop {second} --yes",
        "dead drop --quarantined --yes", "pause events", "resume events", "pause sync", "resume sync", "sync plan",
        "sync held", "sync approve bb22", "sync history --lists", "lists show", "lists retire --yes",
        "support-bundle --out bundle.tar.gz", "audit", "backup --out ledger.backup", "restore ledger.backup --add",
    ):  # fmt: skip
        deployment.call("operator", tqctl, *words.split())
    # What warns or finds nothing ends with another code; what counts is that Redis refuses nothing
    checked = json.loads(deployment.run("operator", tqctl, "--json", "check").stdout)
    deployment.run("operator", tqctl, "explain", "x.example")

    # Then nothing was refused, which the check would have called an error of Redis
    assert {line["what"]: line["state"] for line in checked if line["area"] in ("redis", "workers")}[
        "user"
    ] == "ok"
    assert quarantine.count() == 0


def test_a_reader_looks_at_everything_with_tqctl(deployment: Deployment, writer: Redis) -> None:
    job_id = bury(deployment, writer, "read")
    for words in (
        "status --no-workers", "capacity", "jobs list --state done", "jobs find poisoned", f"jobs show {job_id}",
        "dead list", f"dead show {job_id}", "sync held", "sync history",
    ):  # fmt: skip
        assert deployment.run("reader", command("tqctl"), *words.split()).returncode == 0, words
