"""A stub's way to the ledger, over a bare socket and through redis-py alike."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from producers.smart_response.link import BareLink, WideLink, connect, outcome
from producers.smart_response.redis_client import Connection, RedisError, read_url
from producers.smart_response.settings import StubSettings
from sandbox.launch.processes import ROOT
from sandbox.launch.redis_server import RedisServer, free_port
from sandbox.launch.tls import tls_front
from workers.core.errors import Busy, ServiceAway
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect as connect_redis
from workers.ledger.connection import connect_async, for_celery, now_ms
from workers.ledger.functions import look_after_functions
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead, done, waiting
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration

MOST_OPEN = 100

AnyLink = BareLink | WideLink


def lookup(value: str = "bad.example", *, producer: str = "test") -> Job:
    return Job("indicators.lookup", {"type": "FQDN", "value": value}, producer=producer, title="Ünïcode")


@pytest.fixture(params=["bare", "wide"])
def link(request: pytest.FixtureRequest, redis_url: str) -> Iterator[AnyLink]:
    """Each kind of link to an empty ledger."""
    found = bare(redis_url) if request.param == "bare" else WideLink(settings(redis_url))
    yield found
    found.close()


def settings(url: str) -> StubSettings:
    return StubSettings(url, max_open_jobs=MOST_OPEN)


def bare(url: str) -> BareLink:
    """A link over a bare socket."""
    found = connect(settings(url))
    assert isinstance(found, BareLink)
    return found


def test_an_accepted_job_is_the_one_that_a_worker_claims(link: AnyLink, ledger: Ledger) -> None:
    # When a job is accepted
    (accepted,) = link.accept([job := lookup()])
    # Then a worker gets just this
    (claim,) = ledger.claim("enrichment", 10)
    assert accepted.created
    assert (claim.id, claim.kind, claim.arguments) == (job.id, job.kind.name, job.arguments)
    assert claim.title == "Ünïcode"


def test_a_redis_that_forgot_its_scripts_accepts_like_before(link: AnyLink, redis: Redis) -> None:
    link.accept([lookup("a.example")])
    redis.script_flush()
    assert link.accept([lookup("b.example")])[0].created


def test_a_repeated_click_answers_the_first_job(link: AnyLink, admin: LedgerAdmin) -> None:
    (first,) = link.accept([lookup()])
    (second,) = link.accept([lookup()])
    assert (second.id, second.created) == (first.id, False)
    assert admin.open_jobs()["enrichment"] == 1


def test_jobs_of_several_queues_are_accepted_in_their_order(link: AnyLink) -> None:
    alarm = Job("sightings.add", {"alarm_id": "1"}, producer="test")
    jobs = [lookup("a.example"), alarm, lookup("b.example")]
    assert [answer.id for answer in link.accept(jobs)] == [job.id for job in jobs]


def test_a_full_queue_is_said_to_be_full(link: AnyLink) -> None:
    link.accept([lookup(f"{number}.example") for number in range(MOST_OPEN)])
    with pytest.raises(Busy, match="100 jobs of the queue enrichment are open"):
        link.accept([lookup()])


@pytest.mark.parametrize("state", ["done", "dead", "waiting"])
def test_the_outcome_is_waited_for(link: AnyLink, ledger: Ledger, state: str) -> None:
    # Given a job that a worker settles a little later
    (accepted,) = link.accept([lookup()])
    settle = {
        "done": lambda claim: done(claim, {"said": "ok"}),
        "dead": lambda claim: dead(claim, "no"),
        "waiting": lambda claim: waiting(claim, "away", 60),
    }[state]

    def work() -> None:
        ledger.settle([settle(claim) for claim in ledger.claim("enrichment", 1)])

    worker = threading.Timer(0.1, work)
    worker.start()
    # When its outcome is asked for
    found = link.outcome(accepted.id, 20)
    worker.join()
    # Then it comes
    assert found is not None
    assert found[0] == state


def test_a_click_that_is_repeated_without_waiting_is_told_what_became_of_the_first(
    link: AnyLink, ledger: Ledger
) -> None:
    # Given a click whose outcome nothing is known of yet
    (first,) = link.accept([lookup()])
    (again,) = link.accept([lookup()])
    not_waited = ("waiting", {"reason": "the command did not wait for the outcome"})
    assert outcome(link, again, "enrichment", 0) == not_waited
    # When it is done, and repeated
    ledger.settle([done(claim, {"said": "ok"}) for claim in ledger.claim("enrichment", 1)])
    (again,) = link.accept([lookup()])
    # Then a command that does not wait has its outcome, and one whose job is new does not look
    assert outcome(link, again, "enrichment", 0) == ("done", {"said": "ok"})
    assert outcome(link, first, "enrichment", 0) == not_waited


def test_an_alarm_of_which_only_the_marker_is_left_is_told_its_event_at_once(
    link: AnyLink, ledger: Ledger
) -> None:
    alarm = Job("sightings.add", {"alarm_id": "1"}, producer="test")
    link.accept([alarm])
    ledger.settle([done(claim, EventResult(event_id=7)) for claim in ledger.claim("events", 1)])
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    (again,) = link.accept([alarm])
    assert outcome(link, again, "enrichment", 60) == ("done", {"event_id": 7})


def test_an_outcome_that_does_not_come_is_none(link: AnyLink) -> None:
    (accepted,) = link.accept([lookup()])
    assert link.outcome(accepted.id, 0.05) is None


def test_a_service_that_is_away_is_known_to_be(link: AnyLink, ledger: Ledger) -> None:
    assert link.away("threatq") == ""
    ledger.service_away("threatq", "it answers 503")
    assert link.away("threatq") == "it answers 503"


def test_a_job_that_was_replayed_is_waited_for_anew(
    link: AnyLink, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given a dead job that was opened again
    (accepted,) = link.accept([lookup()])
    ledger.settle([dead(claim, "no") for claim in ledger.claim("enrichment", 1)])
    admin.replay([accepted.id], note={"by": "test"})
    # Then its death is no outcome any more
    assert link.outcome(accepted.id, 0.05) is None


def test_user_password_and_database_of_the_url_are_used(redis: Redis, redis_url: str) -> None:
    # Given the user that a deployment makes for the commands
    template = (ROOT / "deploy" / "redis" / "users.acl.template").read_text(encoding="utf-8")
    (rights,) = re.findall(r"^user (stub .*(?:\n .*)*)", template, re.MULTILINE)
    # It may use database 0 alone unless its line says otherwise.
    rights = (
        rights.replace("#<stub>", ">s%cret")
        .replace("@functions@", "secret")
        .replace("+fcall", "+fcall +select")
    )
    redis.execute_command("ACL", "SETUSER", *rights.split())
    look_after_functions(redis, Settings(functions_secret=Secret("secret")))
    url = redis_url.replace("://", "://stub:s%25cret@").replace("/0", "/3")
    # When a job is accepted by that user
    with closing(bare(url)) as link:
        (accepted,) = link.accept([lookup(producer="smart-response")])
        assert link.outcome(accepted.id, 0.01) is None
        assert link.away("threatq") == ""
    # Then it is in the database of the URL
    with Redis.from_url(redis_url.replace("/0", "/3")) as third:
        assert third.llen(keys.arrived("enrichment")) == 1
    redis.execute_command("ACL", "DELUSER", "stub")


@pytest.mark.parametrize("login", ["nobody:wrong@", ":wrong@"])
def test_a_refused_login_names_the_remedy(redis_url: str, login: str) -> None:
    url = redis_url.replace("://", f"://{login}")
    with closing(bare(url)) as link, pytest.raises(ServiceAway, match="TQ_REDIS_URL"):
        link.accept([lookup()])


def test_a_redis_that_takes_no_writes_is_told_from_one_that_is_not_there(link: AnyLink, redis: Redis) -> None:
    redis.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(
            ServiceAway, match=r"^this Redis is a replica .* name the primary in TQ_REDIS_URL"
        ):
            link.accept([lookup()])
    finally:
        redis.replicaof("NO", "ONE")
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(
            ServiceAway, match=r"^(Redis is out of memory; .*raise maxmemory|\d+ % of Redis' memory)"
        ):
            link.accept([lookup()])
    finally:
        redis.config_set("maxmemory", 0)


def test_a_socket_of_this_machine_serves_every_producer(tmp_path: Path) -> None:
    # Given a Redis that listens on a socket too
    place = tmp_path / "redis.sock"
    server = RedisServer(tmp_path / "redis", options=("--unixsocket", str(place))).start()
    try:
        # When a stub sends a job there, and the HTTP entry point the same
        with closing(connect(settings(f"unix://{place}"))) as link:
            (accepted,) = link.accept([lookup()])
        asyncio.run(ping(f"unix://{place}"))
        # Then a worker gets it, whom Celery connects in the same way
        assert for_celery(f"unix://{place}?db=1") == (f"redis+socket://{place}?virtual_host=1", {})
        with connect_redis(f"unix://{place}") as client:
            assert [claim.id for claim in Ledger(client).claim("enrichment", 1)] == [accepted.id]
    finally:
        server.stop()


async def ping(url: str) -> None:
    async with connect_async(url) as client:
        assert await client.ping()


def test_an_error_of_redis_is_told_from_an_answer(redis_url: str) -> None:
    address = read_url(redis_url)
    assert address is not None
    with closing(Connection(address)) as connection, pytest.raises(RedisError, match="unknown command"):
        connection.call("NOSUCHTHING")


def test_a_redis_that_is_not_there_is_away() -> None:
    with pytest.raises(ServiceAway, match="Is it running"):
        bare(f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$100\r\nshort", b"*1\r\n$zz\r\n"]
)
def test_what_answers_like_no_redis_is_away(answer: bytes) -> None:
    with (
        answering(answer) as port,
        closing(bare(f"redis://127.0.0.1:{port}/0")) as link,
        pytest.raises(ServiceAway, match="Redis"),
    ):
        link.accept([lookup()])


def test_tls_is_spoken_and_verified(tmp_path: Path, redis_server: RedisServer, redis_url: str) -> None:
    # Given a Redis behind TLS, with a certificate that only its owner knows
    with tls_front(tmp_path, redis_server.port) as (port, authority):
        url = f"rediss://127.0.0.1:{port}/0"
        # Then a job is accepted from a client that was given the certificate
        with closing(bare(f"{url}?ssl_ca_certs={authority}")) as link:
            assert link.accept([lookup()])[0].created
        # And no other client sends anything there
        with pytest.raises(ServiceAway, match=r"(?i)certificate"):
            bare(url)


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that answers the first question with these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)
