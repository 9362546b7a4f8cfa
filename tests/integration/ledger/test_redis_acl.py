"""The users of our Redis: each can do its work and nothing beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from tests.support.deployed import CELERY, TOKEN, Deployment, command, payload
from tests.support.redis_users import Guarded, guarded_redis
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server with our users, which holds an accepted, a done and a dead job."""
    with guarded_redis(tmp_path_factory.mktemp("acl")) as guarded:
        guarded.load_functions()
        with connect(guarded.url("producer")) as redis:
            jobs = [Job("events.create", {"payload": {"n": n}}, producer="cli") for n in range(3)]
            Ledger(redis, by_function=True).accept(jobs)
        with connect(guarded.url("worker")) as redis:
            ledger = Ledger(redis)
            first, second = ledger.claim("events", 2)
            ledger.settle([done(first, {"event_id": 1}), dead(second, "refused")])
        yield guarded


def job_id(guarded: Guarded) -> str:
    with connect(guarded.url("reader")) as redis:
        (found,) = LedgerAdmin(redis).ids("done")
    return found


#: What each user may not do, as it would be typed; `<id>` is a done job's.
REFUSED = [
    # Without a password nothing at all can be seen.
    ("default", "GET {tq}:job:<id>"),
    ("default", "INFO"),
    ("default", "EVAL return(1) 0"),
    # A producer reads neither what was sent, nor what became of it, nor what failed.
    ("producer", "GET {tq}:job:<id>"),
    ("producer", "SET {tq}:job:<id> x GET"),
    ("producer", "HGETALL {tq}:progress:<id>"),
    ("producer", "XRANGE {tq}:history:<id> - +"),
    ("producer", "XREAD STREAMS {tq}:history:<id> 0"),
    ("producer", "ZRANGE {tq}:dead 0 -1"),
    ("producer", "ZRANGE {tq}:done 0 -1"),
    ("producer", "ZCARD {tq}:dead"),
    ("producer", "HGETALL {tq}:away:senders"),
    ("producer", "HGET {tq}:away:threatq reason"),
    # Nor by a script of its own.
    ("producer", "EVAL return(redis.call('GET','{tq}:job:<id>')) 0"),
    ("producer", "EVAL return(redis.call('ZRANGE','{tq}:dead',0,-1)) 0"),
    # It can neither take work nor settle, pause, or lift a breaker.
    ("producer", "ZREM {tq}:due:events <id>"),
    ("producer", "SADD {tq}:paused events"),
    ("producer", "DEL {tq}:away:threatq"),
    # Of Celery's keys it may add wake-ups to those of three queues, and read none.
    ("producer", "LRANGE {tq}:celery:events 0 -1"),
    ("producer", "RPOP {tq}:celery:events"),
    ("producer", "LPUSH {tq}:celery:upkeep x"),
    ("producer", "SADD {tq}:celery:_kombu.binding.events x"),
    ("producer", "PUBLISH {tq}:celery:/0.celery.pidbox x"),
    # Nothing of another application that uses the same server.
    ("producer", "SET other 1"),
    ("producer", "LPUSH other 1"),
    ("producer", "KEYS *"),
    ("producer", "SCAN 0"),
    ("producer", "FLUSHALL"),
    ("producer", "CONFIG GET *"),
    ("producer", "CLIENT LIST"),
    # A stub reads a job whose id it knows; it cannot list any, and takes no work.
    ("stub", "ZRANGE {tq}:dead 0 -1"),
    ("stub", "ZRANGE {tq}:due:events 0 -1"),
    ("stub", "SCAN 0"),
    ("stub", "RPOP {tq}:celery:events"),
    ("stub", "DEL {tq}:history:<id>"),
    # NiFi drops payloads; it sees neither those nor anything else.
    ("nifi", "LRANGE {tq}:ingest:lpush 0 -1"),
    ("nifi", "XRANGE {tq}:ingest:stream - +"),
    ("nifi", "GET {tq}:job:<id>"),
    ("nifi", "LPUSH {tq}:celery:events x"),
    ("nifi", "SUBSCRIBE {tq}:ingest:channel"),
    ("nifi", "EVAL return(1) 0"),
    # The HTTP entry point has no part in Celery's events.
    ("shim", "PUBLISH {tq}:celery:/0.celery.pidbox x"),
    ("shim", "FLUSHALL"),
    ("shim", "GET other"),
    # A worker does its work, and leaves the server and others' keys alone.
    ("worker", "GET other"),
    ("worker", "FLUSHALL"),
    ("worker", "KEYS *"),
    ("worker", "CONFIG SET appendonly no"),
    ("worker", "ACL LIST"),
    ("worker", "SHUTDOWN"),
    ("worker", "SUBSCRIBE other"),
    # Beat sends wake-ups; it sees no job.
    ("beat", "GET {tq}:job:<id>"),
    ("beat", "EVAL return(redis.call('GET','{tq}:job:<id>')) 0"),
    ("beat", "ZRANGE {tq}:dead 0 -1"),
    # Flower sees Celery's messages; ours lie beside them.
    ("flower", "GET {tq}:job:<id>"),
    ("flower", "XRANGE {tq}:history:<id> - +"),
    ("flower", "ZRANGE {tq}:dead 0 -1"),
    ("flower", "FLUSHDB"),
    # A message that waits holds what a Celery client sends, and one that is put there is work.
    ("flower", "LRANGE {tq}:celery:events 0 -1"),
    ("flower", "BRPOP {tq}:celery:events 1"),
    ("flower", "LPUSH {tq}:celery:events x"),
    ("flower", "HGETALL {tq}:celery:unacked"),
    ("flower", "HSET {tq}:celery:unacked tag x"),
    ("flower", "SADD {tq}:celery:_kombu.binding.events x"),
    ("flower", "FUNCTION DELETE x"),
    # A reader changes nothing.
    ("reader", "DEL {tq}:job:<id>"),
    ("reader", "SET {tq}:job:<id> x"),
    ("reader", "LPUSH {tq}:celery:events x"),
    ("reader", "EVAL return(1) 0"),
    ("reader", "GET other"),
    # tqctl mends what is ours and does not govern the server.
    ("operator", "CONFIG SET appendonly no"),
    ("operator", "FLUSHALL"),
    ("operator", "GET other"),
    ("operator", "ACL SETUSER x"),
]


@pytest.mark.parametrize(("user", "command"), REFUSED, ids=[f"{user}: {text}" for user, text in REFUSED])
def test_no_user_goes_beyond_its_work(guarded: Guarded, user: str, command: str) -> None:
    words = command.replace("<id>", job_id(guarded)).split()
    url = f"redis://127.0.0.1:{guarded.server.port}" if user == "default" else guarded.url(user)

    with Redis.from_url(url) as redis, pytest.raises((NoPermissionError, ResponseError)) as refused:
        redis.execute_command(*words)

    # A script passes its refusal on as an error of its own; Redis 7.0 has other words for it.
    words_of_it = str(refused.value).lower()
    assert isinstance(refused.value, NoPermissionError) or any(
        text in words_of_it for text in ("can't run this command", "can't access", "permission")
    )


@pytest.mark.parametrize("user", ["producer", "stub", "shim", "bridge", "worker"])
def test_each_user_that_accepts_may_wait_for_replicas(guarded: Guarded, user: str) -> None:
    with connect(guarded.url(user)) as redis:
        assert redis.wait(0, 1) == 0


def test_a_stub_reads_what_became_of_its_job(guarded: Guarded) -> None:
    with connect(guarded.url("stub")) as redis:
        lookup = Job("indicators.lookup", {"type": "FQDN", "value": "x.example"}, producer="smart-response")
        Ledger(redis, by_function=True).accept([lookup])
        record = LedgerAdmin(redis).record(job_id(guarded))
        outcome = LedgerAdmin(redis).outcome(job_id(guarded), wait_s=1)

    assert record is not None
    assert record.result == {"event_id": 1}
    assert outcome is not None
    assert outcome.state == "done"


def test_nifi_drops_a_payload_for_the_bridge(guarded: Guarded) -> None:
    with connect(guarded.url("nifi")) as redis:
        assert redis.lpush(keys.INGEST_LPUSH, "{}") == 1
        assert redis.rpush(keys.INGEST_RPUSH, "{}") == 1
        assert redis.xadd(keys.INGEST_STREAM, {"payload": "{}"})
        assert redis.publish(keys.INGEST_CHANNEL, "{}") == 0


def test_a_reader_sees_what_there_is(guarded: Guarded) -> None:
    with connect(guarded.url("reader")) as redis:
        admin = LedgerAdmin(redis)

        assert [record.state for record in admin.records(admin.ids("dead"))] == ["dead"]
        assert admin.open_jobs()["events"] == 1
        assert redis.info("server")["redis_version"]


def test_an_operator_replays_pauses_and_looks_at_the_server(guarded: Guarded) -> None:
    with connect(guarded.url("operator")) as redis:
        admin = LedgerAdmin(redis)
        admin.pause("sync")
        admin.resume("sync")

        assert admin.replay(admin.ids("dead"), note={"by": "a test"}) != []
        assert redis.config_get("appendonly") == {"appendonly": "yes"}
        first = Ledger(redis).claim("events", 1)
        Ledger(redis).settle([dead(first[0], "refused")])


@pytest.fixture(params=["redis", "rediss"])
def deployment(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """A whole system, once without and once with TLS to Redis."""
    with guarded_redis(tmp_path, tls=request.param == "rediss") as guarded, ExitStack() as stack:
        deployment = Deployment(guarded, tmp_path, stack)
        deployment.start()
        yield deployment


def test_the_whole_system_needs_no_more_rights_than_its_users_have(deployment: Deployment) -> None:
    # Given a system whose parts sign in as their own users
    producer = (command("tq-conn-events-builder"), "-p", "-")

    # When payloads come through every producer, an analyst asks, and an operator looks at the workers
    deployment.call("producer", *producer, given=payload("by the command"))
    answer = requests.post(
        f"{deployment.producer}/v1/events",
        data=payload("by HTTP"),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        timeout=10,
    )
    with connect(deployment.guarded.url("nifi")) as redis:
        redis.lpush(keys.INGEST_LPUSH, payload("by a push"))
    lookup = (command("tq-lookup"), "IP Address", "1.2.3.4")
    deployment.call("stub", *lookup)
    deployment.call("operator", *CELERY, "inspect", "ping")

    # Then everything is done, and nothing was refused
    assert answer.status_code == 202, answer.text
    with connect(deployment.guarded.url("reader")) as redis:
        admin = LedgerAdmin(redis)
        until(lambda: len(admin.ids("done")) == 4, within_s=30)
        until(lambda: redis.exists(keys.UPKEEP))
    assert b"1.2.3.4" in deployment.call("stub", *lookup)
    flower = deployment.folder / "logs" / "flower" / "flower.log"
    until(lambda: "Connected to redis" in flower.read_text(), within_s=30)

    # And Flower shows the workers and how long the queues are to those who have the password
    user, _, password = (deployment.guarded.secrets / "flower").read_text().partition(":")
    api = f"http://127.0.0.1:{deployment.flower_port}/api"
    assert requests.get(f"{api}/workers", timeout=10).status_code == 401
    workers = requests.get(f"{api}/workers", params={"refresh": 1}, auth=(user, password), timeout=20)
    assert "events" in workers.text, deployment.refusals()
    lengths = requests.get(f"{api}/queues/length", auth=(user, password), timeout=20).json()["active_queues"]
    assert {"name": "sync", "messages": 0} in lengths
    assert deployment.refusals() == []
