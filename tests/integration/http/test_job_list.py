"""`GET /v1/jobs`: filters, pages, and what one call costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from tests.support.producers import READER, SENDER, Shim
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.job_list import JobFilter, list_jobs
from workers.ledger.ledger import Ledger
from workers.ledger.packing import Packer
from workers.ledger.records import dead, done, waiting

pytestmark = pytest.mark.integration


def event(name: str, *, sender: str = "", entry: str = "cli") -> Job:
    payload = {"event_name": name, "uri_source": "FQDN:bad.example"}
    return Job("events.create", {"payload": payload}, producer=entry, sender=sender, title=name)


@pytest.fixture
def jobs(ledger: Ledger) -> dict[str, str]:
    """One job of each fate, by its title."""
    titles = ["done", "dead", "put off", "running"]
    ids = ledger.accept([event(title, sender="nifi", entry="http") for title in titles])
    claims = {claim.title: claim for claim in ledger.claim("events", 4)}
    for settlement in (
        done(claims["done"], EventResult(event_id=7)),
        dead(claims["dead"], "no"),
        waiting(claims["put off"], "429", 60),
    ):
        ledger.settle([settlement])
    (ready,) = ledger.accept([event("ready", sender="nifi", entry="http")])
    (lookup,) = ledger.accept([Job("indicators.lookup", {"value": "x"}, producer="stub", title="a lookup")])
    others = {"ready": ready.id, "a lookup": lookup.id}
    return {title: answer.id for title, answer in zip(titles, ids, strict=True)} | others


def asked(shim: Shim, **query: Any) -> dict[str, Any]:
    answer = shim.call("GET", "/v1/jobs", token=READER, params=query)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({}, {"done", "dead", "put off", "running", "ready", "a lookup"}),
        ({"state": "open"}, {"put off", "running", "ready", "a lookup"}),
        ({"state": "accepted"}, {"ready", "a lookup"}),
        ({"state": "running"}, {"running"}),
        ({"state": "waiting"}, {"put off"}),
        ({"state": "done"}, {"done"}),
        ({"state": "dead"}, {"dead"}),
        ({"kind": "indicators.lookup"}, {"a lookup"}),
        ({"queue": "enrichment"}, {"a lookup"}),
        ({"entry": "http"}, {"done", "dead", "put off", "running", "ready"}),
        ({"sender": "nifi", "state": "dead"}, {"dead"}),
        ({"sender": "other"}, set()),
        ({"text": "bad[.]example", "state": "done"}, {"done"}),
        ({"text": "PUT OFF"}, {"put off"}),
        ({"since": "2020-01-01T00:00:00Z"}, {"done", "dead", "put off", "running", "ready", "a lookup"}),
        ({"since": "2099-01-01"}, set()),
        ({"until": "2020-01-01"}, set()),
    ],
)
def test_a_filter_lets_through_what_was_asked_for(
    shim: Shim, jobs: dict[str, str], query: dict[str, str], titles: set[str]
) -> None:
    found = asked(shim, **query)
    assert {job["title"] for job in found["jobs"]} == titles
    assert found["cursor"] == ""


def test_packed_jobs_are_found_like_all_others(shim: Shim, ledger: Ledger, redis: Redis) -> None:
    ledger.accept([event(f"packed {number}", sender="nifi") for number in range(20)])
    ledger.settle([done(claim, EventResult(event_id=7)) for claim in ledger.claim("events", 20)])
    Packer(redis).step(now_ms(redis) + 600_000)
    assert redis.get(keys.job(redis.zrange(keys.DONE, 0, 0)[0].decode())).startswith(b"+")
    assert len(asked(shim, sender="nifi", kind="events.create")["jobs"]) == 20
    assert [job["title"] for job in asked(shim, text="packed 7")["jobs"]] == ["packed 7"]


def walk(redis: Redis, wanted: JobFilter, *, most: int, scan: int = 2_000) -> Iterator[list[str]]:
    """Page after page, until no cursor is left."""
    cursor = ""
    while True:
        page = list_jobs(redis, wanted, most=most, cursor=cursor, scan=scan)
        yield page.ids
        cursor = page.cursor
        if not cursor:
            return


@pytest.mark.parametrize("same_time", [False, True])
def test_pages_have_each_job_once_also_where_many_ended_at_the_same_time(
    redis: Redis, ledger: Ledger, same_time: bool
) -> None:
    ids = [answer.id for answer in ledger.accept([event(f"e{n}") for n in range(500)])]
    redis.delete(keys.due("events"))
    redis.zadd(keys.DEAD, {job_id: 5 if same_time else 5 + n for n, job_id in enumerate(ids)})
    pages = list(walk(redis, JobFilter(state="dead"), most=70))
    assert [len(page) for page in pages] == [70] * 7 + [10]
    assert sorted(job_id for page in pages for job_id in page) == sorted(ids)


def test_a_walk_goes_on_where_the_last_job_that_was_seen_is_gone(redis: Redis, ledger: Ledger) -> None:
    ids = [answer.id for answer in ledger.accept([event(f"e{n}") for n in range(30)])]
    redis.delete(keys.due("events"))
    redis.zadd(keys.DEAD, dict.fromkeys(ids, 5))
    first = list_jobs(redis, JobFilter(state="dead"), most=10)
    # When the last one of a page was replayed meanwhile, and newer ones died
    redis.zrem(keys.DEAD, first.ids[-1])
    redis.zadd(keys.DEAD, dict.fromkeys([answer.id for answer in ledger.accept([event("newer")])], 9))
    # Then the next page has just the others
    second = list_jobs(redis, JobFilter(state="dead"), most=100, cursor=first.cursor)
    assert sorted(first.ids + second.ids) == sorted(ids)


def test_one_call_looks_at_a_bounded_number_of_jobs(redis: Redis, ledger: Ledger) -> None:
    ledger.accept([event(f"e{n}") for n in range(450)])
    page = list_jobs(redis, JobFilter(sender="no-such-token"), most=10, scan=200)
    assert (page.ids, page.scanned, bool(page.cursor)) == ([], 200, True)
    assert list(walk(redis, JobFilter(sender="no-such-token"), most=10, scan=200)) == [[], [], []]
    # One that has no time looks at a page
    assert list_jobs(redis, JobFilter(sender="x"), most=10, within_s=0).scanned == 200


def test_the_time_at_which_jobs_ended_is_looked_up_in_the_index(redis: Redis, ledger: Ledger) -> None:
    ids = [answer.id for answer in ledger.accept([event(f"e{n}") for n in range(450)])]
    redis.delete(keys.due("events"))
    redis.zadd(keys.DEAD, {job_id: 1000 + n for n, job_id in enumerate(ids)})
    wanted = JobFilter(state="dead", since_ms=1100, until_ms=1105)
    page = list_jobs(redis, wanted, most=50)
    assert page.ids == ids[100:105][::-1]
    assert page.scanned == 5


@pytest.mark.parametrize("cursor", ["x", "done-1-", f"nothing-1-{'0' * 24}", f"done-1-{'0' * 24}"])
def test_a_cursor_of_another_list_is_refused(redis: Redis, cursor: str) -> None:
    with pytest.raises(InputError, match="cursor"):
        list_jobs(redis, JobFilter(state="dead"), most=1, cursor=cursor)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"state": "gone"}, "must be one of open"),
        ({"limit": "0"}, "from 1 to 200"),
        ({"limit": "many"}, "from 1 to 200"),
        ({"since": "yesterday"}, "is no time"),
        ({"cursor": "x"}, "begin without one"),
        ({"colour": "red"}, "there are state"),
        ({"text": "x" * 201}, "200 characters"),
    ],
)
def test_a_question_that_cannot_be_read_is_refused(shim: Shim, query: dict[str, str], words: str) -> None:
    answer = shim.call("GET", "/v1/jobs", token=READER, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_query")
    assert words in answer.json()["detail"]


def test_only_a_token_that_reads_may_list(shim: Shim) -> None:
    assert shim.call("GET", "/v1/jobs", token=SENDER).status_code == 403


def test_the_pages_of_the_api_follow_one_another(
    shim: Shim, jobs: dict[str, str], admin: LedgerAdmin
) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = asked(shim, limit=2, cursor=cursor)
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert sorted(seen) == sorted(jobs.values())
