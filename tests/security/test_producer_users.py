"""Redis users on other people's machines: with their password one can send jobs of one's own, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from tests.support.redis_users import Guarded, guarded_redis
from workers.core.errors import Busy, ServiceAway
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.accept import FUNCTION, record_of
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect, send
from workers.ledger.functions import SHARE, look_after_functions
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration

#: Who may send what, under which name.
SENDERS = {"producer": ("events.create", "cli"), "stub": ("indicators.lookup", "smart-response")}

USERS = sorted(SENDERS)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A Redis with the shipped users."""
    with guarded_redis(tmp_path_factory.mktemp("users")) as guarded:
        yield guarded


@pytest.fixture
def guarded(server: Guarded) -> Guarded:
    """The same Redis, empty, after a worker has been started."""
    with connect(server.url("worker")) as redis:
        for name in redis.scan_iter("{tq}:*"):
            redis.delete(name.decode())
    server.load_functions()
    return server


def job(user: str, number: int = 1) -> Job:
    """A job that `user` may send."""
    kind, producer = SENDERS[user]
    content = {"type": "FQDN", "value": f"{number}.example"} if user == "stub" else {"payload": {"n": number}}
    return Job(kind, content, producer=producer)


def row(job: Job, **changed: object) -> list[object]:
    """What a call of the function holds for one job, with something in it changed."""
    fields = {
        "id": job.id,
        "record": record_of(job),
        "counter": "",
        "digest": job.digest,
        "key": job.key,
        "window": 60_000,
    }
    return list({**fields, **changed}.values())


def names(guarded: Guarded) -> set[str]:
    """Every key that there is."""
    with Redis.from_url(guarded.url("reader")) as redis:
        return {name.decode() for name in redis.scan_iter()}


ATTACKS = [
    # A script that never ends, one that takes all memory, and the same by what others have loaded.
    "EVAL while|true|do|end 0",
    "EVAL local|t={}|for|i=1,1e9|do|t[i]=tostring(i)|end 0",
    "EVALSHA 0000000000000000000000000000000000000000 0",
    "SCRIPT LOAD return",
    "FUNCTION LOAD #!lua",
    "FUNCTION FLUSH",
    "FUNCTION LIST WITHCODE",
    # All producers are told that Redis is full.
    "SET {tq}:memory 1000",
    # The queue is full of jobs that do not exist.
    "ZADD {tq}:due:events 1 x",
    "RPUSH {tq}:arrived:events x",
    # A record that no reader expects, and one that inflates to 300 MB.
    "SET {tq}:job:x broken",
    "MSETNX {tq}:job:x broken",
    "RENAME {tq}:job:x {tq}:job:y",
    "LMOVE {tq}:celery:events {tq}:celery:enrichment LEFT LEFT",
    "LPUSH {tq}:celery:events broken",
    "SET {tq}:same:ended:0000 broken",
    "HSET {tq}:counts x broken",
    # Names that are guessed.
    "SET {tq}:sealed:x:text broken",
    "SELECT 1",
]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_command_but_the_function_writes_anything(guarded: Guarded, user: str, attack: str) -> None:
    words = [word.replace("|", " ") for word in attack.split()]
    with Redis.from_url(guarded.url(user)) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*words)
    assert names(guarded) == set()


@pytest.mark.parametrize("user", USERS)
def test_a_job_comes_through_the_function_to_a_worker(guarded: Guarded, user: str) -> None:
    sent = [job(user, 1), job(user, 2)]
    # When jobs are sent, one of them twice
    with connect(guarded.url(user)) as redis:
        ledger = Ledger(redis, by_function=True)
        first = ledger.accept(sent)
        (again,) = ledger.accept(sent[:1])
    # Then they are open before a worker looks
    queue = sent[0].kind.queue
    with connect(guarded.url("worker")) as redis:
        assert LedgerAdmin(redis).open_jobs()[queue] == 2
        assert next(known for known in overview(redis).queues if known.name == queue).ready == 2
        # And a worker gets each once
        claims = Ledger(redis).claim(queue, 10)
        kind, producer = SENDERS[user]
        assert LedgerAdmin(redis).counts() == {f"accepted:{kind}:{producer}": 2}
        assert redis.llen(keys.wake_ups(queue)) == 1
    assert {claim.id: claim.arguments for claim in claims} == {each.id: each.arguments for each in sent}
    assert [answer.created for answer in first] == [True, True]
    assert (again.id, again.created) == (sent[0].id, False)
    # And no sealed name is left to be seen
    assert not [name for name in names(guarded) if "sealed" in name]


def test_upkeep_takes_over_what_came_where_no_worker_claims(guarded: Guarded) -> None:
    with connect(guarded.url("producer")) as redis:
        Ledger(redis, by_function=True).accept([job("producer")])
    with connect(guarded.url("worker")) as redis:
        Ledger(redis).wake("events")
        assert redis.zcard(keys.due("events")) == 1


EVENT = job("producer")
HEAD = "events.create\nevents\n{}\n\ntitle\nx"

FORGED = {
    "other kind": row(job("stub"), id=EVENT.digest, digest=EVENT.digest),
    "other producer": row(EVENT, record=HEAD.format("http")),
    "line in a sender": row(EVENT, record=HEAD.format("cli a\rb")),
    "no head": row(EVENT, record="broken"),
    "forged time": row(EVENT, record=b"1\n" + record_of(EVENT)),
    "packed": row(EVENT, record=b"+" + record_of(EVENT)),
    "newer version": row(EVENT, record=record_of(EVENT).replace(b"create", b"create 9", 1)),
    "no zlib": row(EVENT, record=HEAD.format("cli")[:-1] + "{}"),
    "too large": row(EVENT, record=record_of(EVENT) + b"0" * 3_000_000),
    "id of another's": row(EVENT, id="a" * 24),
    "id is a name": row(EVENT, id="dictionary:x", digest="dictionary:x"),
    "marker as key": row(EVENT, key="ended:0000"),
    "key of HTTP": row(EVENT, key="http:nifi:order-1"),
    "endless window": row(EVENT, window=10**15),
    "no number": row(EVENT, window="nan"),
    "half a row": row(EVENT)[:-1],
    "no job": [],
}


@pytest.mark.parametrize("name", FORGED)
def test_the_function_takes_nothing_that_our_commands_do_not_send(guarded: Guarded, name: str) -> None:
    with Redis.from_url(guarded.url("producer")) as redis, pytest.raises(ResponseError):
        redis.execute_command("FCALL", FUNCTION, 0, "events", 1000, 1000, *FORGED[name])
    assert names(guarded) == set()


@pytest.mark.parametrize("limits", [("nan", 1000), (1000, "inf"), ("-1", 1000), ("", "")])
def test_limits_that_are_no_numbers_are_refused(guarded: Guarded, limits: tuple[object, object]) -> None:
    with Redis.from_url(guarded.url("producer")) as redis, pytest.raises(ResponseError):
        redis.execute_command("FCALL", FUNCTION, 0, "events", *limits, *row(EVENT))
    assert names(guarded) == set()


def test_a_flood_leaves_room_to_the_other_entry_points(guarded: Guarded) -> None:
    # Given workers that allow ten open jobs
    settings = Settings(functions_secret=Secret(guarded.functions_secret), max_open_jobs=10)
    with connect(guarded.url("worker")) as redis:
        look_after_functions(redis, settings)
    # When a producer allows itself more
    with connect(guarded.url("producer")) as redis:
        ledger = Ledger(redis, by_function=True, most_open=10**8)
        ledger.accept([job("producer", number) for number in range(int(10 * SHARE))])
        with pytest.raises(Busy, match="8 jobs of the queue events are open and 8 are allowed"):
            ledger.accept([job("producer", 99)])
    # Then the HTTP entry point still accepts
    with connect(guarded.url("shim")) as redis:
        assert Ledger(redis, most_open=10).accept([job("producer", 100)])[0].created


def test_before_a_worker_was_started_the_sender_is_told_so(guarded: Guarded) -> None:
    nothing = f"#!lua name={FUNCTION}\nredis.register_function('nothing', function() end)"
    with connect(guarded.url("worker")) as redis:
        send(redis, [("FUNCTION", "LOAD", "REPLACE", nothing)])
    with connect(guarded.url("producer")) as redis, pytest.raises(ServiceAway, match="start a worker of the"):
        Ledger(redis, by_function=True).accept([EVENT])


def test_the_function_outlives_a_restart_and_comes_back_where_it_was_lost(tmp_path: Path) -> None:
    with guarded_redis(tmp_path) as guarded:
        guarded.load_functions()
        # When Redis is killed and started again
        guarded.server.kill()
        guarded.server.start()
        # Then it still knows the function
        with connect(guarded.url("producer")) as redis:
            assert Ledger(redis, by_function=True).accept([EVENT])[0].created


#: What earlier ACL files gave to a producer.
OLDER = (
    "on >secret %W~{tq}:job:* ~{tq}:same:* ~{tq}:due:* ~{tq}:counts ~{tq}:memory ~{tq}:celery:* -@all +eval +evalsha "
    "+time +info +get +set +msetnx +exists +hincrby +zadd +zcard +llen +lpush"
)


def test_a_user_of_an_older_acl_file_goes_on_with_scripts(redis: Redis, redis_url: str) -> None:
    redis.execute_command("ACL", "SETUSER", "older", *OLDER.split())
    look_after_functions(redis, Settings())
    with connect(redis_url.replace("://", "://older:secret@")) as older:
        assert Ledger(older, by_function=True).accept([EVENT])[0].created
    redis.execute_command("ACL", "DELUSER", "older")
