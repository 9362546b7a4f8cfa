"""Accepting on a Redis with a real replica: accepted means that the replica has it too."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from producers.smart_response.link import connect as connect_stub
from producers.smart_response.settings import StubSettings
from sandbox.launch.redis_server import RedisServer
from tests.support.waiting import until
from workers.core.errors import ServiceAway
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.accept import Accepted, Replicas
from workers.ledger.admin import LedgerAdmin
from workers.ledger.async_ledger import AsyncLedger
from workers.ledger.connection import connect, connect_async
from workers.ledger.functions import look_after_functions
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import QuarantineLimits
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

Accept = Callable[[str, list[Job], Replicas], list[Accepted]]

#: One replica, and long enough for a busy machine.
ONE = Replicas(1, 1000)

#: More replicas than there are.
TWO = Replicas(2, 50)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URLs of a Redis and of its replica."""
    main = RedisServer(tmp_path_factory.mktemp("main"), options=("--repl-diskless-sync-delay", "0")).start()
    copy = RedisServer(
        tmp_path_factory.mktemp("copy"), options=("--replicaof", f"127.0.0.1 {main.port}")
    ).start()
    with Redis.from_url(main.url) as client:
        until(lambda: follows(client))
        yield main.url, copy.url
    copy.stop()
    main.stop()


def follows(client: Redis) -> bool:
    """Tell whether the replica has loaded what there was and keeps up; "online" alone comes earlier."""
    client.set("sign", "of life")
    return int(client.wait(1, 100)) == 1


def event(number: int) -> Job:
    return Job("events.create", {"payload": {"number": number}}, producer="cli", title=f"event {number}")


def accept_over_redis_py(url: str, jobs: list[Job], replicas: Replicas) -> list[Accepted]:
    with connect(url) as client:
        return Ledger(client, replicas=replicas).accept(jobs)


def accept_over_asyncio(url: str, jobs: list[Job], replicas: Replicas) -> list[Accepted]:
    async def accept() -> list[Accepted]:
        ledger = AsyncLedger(
            connect_async(url),
            most_open=100,
            most_memory_percent=70,
            quarantine=QuarantineLimits(),
            keep_s=60,
            replicas=replicas,
        )
        try:
            return await ledger.accept(jobs)
        finally:
            await ledger.close()

    return asyncio.run(accept())


def accept_over_a_bare_socket(url: str, jobs: list[Job], replicas: Replicas) -> list[Accepted]:
    link = connect_stub(StubSettings(url, replicas=replicas))
    try:
        return link.accept(jobs)
    finally:
        link.close()


WAYS = pytest.mark.parametrize(
    "accept", [accept_over_redis_py, accept_over_asyncio, accept_over_a_bare_socket]
)


@WAYS
def test_what_is_accepted_lies_on_the_replica(accept: Accept, pair: tuple[str, str]) -> None:
    main, copy = pair
    with connect(main) as client:
        client.flushall()
    # when
    (answer,) = accept(main, [event(1)], ONE)
    # then
    assert answer.created
    with connect(copy) as replica:
        assert replica.exists(keys.job(answer.id))


@WAYS
def test_with_too_few_replicas_the_sender_is_asked_to_repeat_and_a_repeat_is_not_taken_for_confirmed(
    accept: Accept, pair: tuple[str, str]
) -> None:
    main, _ = pair
    with connect(main) as client:
        client.flushall()
        # when, then: neither the first call nor its repeat, which writes no job, says accepted
        for _ in range(2):
            # The one that there is may be late, too, on a busy machine
            with pytest.raises(
                ServiceAway, match=r"[01] of 2 replicas confirmed within 50 ms; send the same again"
            ):
                accept(main, [event(1)], TWO)
        # and once a replica is enough, the job is there, once
        (answer,) = accept(main, [event(1)], ONE)
        assert not answer.created
        assert client.zcard(keys.due("events")) == 1


def test_a_repeat_is_not_confirmed_by_a_replica_that_hangs(pair: tuple[str, str]) -> None:
    main, copy = pair
    with connect(main) as client, connect(copy) as replica:
        client.flushall()
        until(lambda: follows(client))
        hung = int(replica.info("server")["process_id"])
        os.kill(hung, signal.SIGSTOP)
        try:
            # The second call writes no job, and WAIT alone would count a replica that has nothing to confirm
            for _ in range(2):
                with pytest.raises(ServiceAway, match="0 of 1 replicas"):
                    accept_over_redis_py(main, [event(3)], Replicas(1, 50))
        finally:
            os.kill(hung, signal.SIGCONT)
        until(lambda: follows(client))


def test_a_repeat_waits_for_a_replica_that_has_stopped(pair: tuple[str, str]) -> None:
    # given a job that the replica never got
    main, copy = pair
    with connect(main) as client, connect(copy) as replica:
        client.flushall()
        until(lambda: not replica.dbsize())
        address = client.get_connection_kwargs()
        replica.replicaof("NO", "ONE")
        until(lambda: not client.info("replication")["connected_slaves"])
        # when, then
        for _ in range(2):
            with pytest.raises(ServiceAway, match="0 of 1 replicas"):
                Ledger(client, replicas=Replicas(1, 50)).accept([event(2)])
        # when it follows again
        replica.replicaof(address["host"], address["port"])
        until(lambda: follows(client))
        # then the same call is answered
        (answer,) = Ledger(client, replicas=ONE).accept([event(2)])
        assert not answer.created
        assert replica.exists(keys.job(answer.id))


def test_after_a_fail_over_the_function_and_what_came_through_it_are_there(pair: tuple[str, str]) -> None:
    main, copy = pair
    with connect(main) as client, connect(copy) as replica:
        client.flushall()
        until(lambda: follows(client))
        # given jobs that came through the function and lie on the replica, untouched by a worker
        look_after_functions(client, Settings())
        before = Ledger(client, by_function=True, replicas=ONE).accept([event(4), event(5)])
        address = client.get_connection_kwargs()
        # when the replica becomes the primary
        replica.replicaof("NO", "ONE")
        try:
            # then it takes more through the function, knows a repeat, and has all of them to work
            after = Ledger(replica, by_function=True).accept([event(4), event(6)])
            assert [answer.created for answer in after] == [False, True]
            ids = [before[0].id, before[1].id, after[1].id]
            assert sorted(LedgerAdmin(replica).ids("accepted")) == sorted(ids)
            assert sorted(claim.id for claim in Ledger(replica).claim("events", 10)) == sorted(ids)
        finally:
            replica.replicaof(address["host"], address["port"])
            until(lambda: follows(client))
