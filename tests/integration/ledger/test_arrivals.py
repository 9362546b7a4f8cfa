"""A job that came through the function of Redis stands in every list of open jobs, also where no worker runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.functions import LIBRARY, look_after_functions
from workers.ledger.job_list import JobFilter, list_jobs
from workers.ledger.ledger import Ledger
from workers.ledger.search import search
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

LISTS: dict[str, Callable[[LedgerAdmin], list[str]]] = {
    "ids": lambda admin: admin.ids("accepted"),
    "ids of the queue": lambda admin: admin.ids("accepted", queue="events"),
    "list": lambda admin: list_jobs(admin.redis, JobFilter(), most=10).ids,
    "list of open ones": lambda admin: list_jobs(admin.redis, JobFilter(state="open"), most=10).ids,
    "search": lambda admin: search(admin.redis, "an arrival").ids,
}


def code_of(library: Any) -> str:
    """Return the text of a library as Redis lists it: names and values in turn, or a dictionary."""
    named = library if isinstance(library, dict) else dict(zip(library[::2], library[1::2], strict=True))
    return bytes(named[b"library_code"]).decode()


def arrived(ledger: Ledger, redis: Redis) -> str:
    """Leave a job as the function does: its record, and its id in the list of those that arrived."""
    job = Job("events.create", {"payload": {"event_name": "e"}}, producer="cli", title="an arrival")
    ledger.accept([job])
    redis.delete(keys.due("events"), keys.COUNTS)
    redis.rpush(keys.arrived("events"), job.id)
    return job.id


@pytest.mark.parametrize("name", LISTS)
def test_a_job_that_no_worker_has_taken_over_is_listed(
    name: str, ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    job_id = arrived(ledger, redis)
    assert LISTS[name](admin) == [job_id]
    # and it is one open job, accepted once, and can be claimed
    assert admin.open_jobs()["events"] == 1
    assert admin.counts() == {"accepted:events.create:cli": 1}
    assert [claim.id for claim in ledger.claim("events", 10)] == [job_id]


def test_a_user_who_may_only_read_lists_what_is_in_the_index(
    ledger: Ledger, redis: Redis, redis_url: str
) -> None:
    # given a user who may run no script
    redis.execute_command("ACL", "SETUSER", "looks", "on", ">pw", "~*", "+@read", "+@connection", "-@write")
    job_id = arrived(ledger, redis)
    with connect(redis_url.replace("://", "://looks:pw@")) as looking:
        assert LedgerAdmin(looking).ids("accepted") == []
    redis.execute_command("ACL", "DELUSER", "looks")
    assert LedgerAdmin(ledger.redis).ids("accepted") == [job_id]


def test_a_user_who_may_write_the_index_needs_no_worker_of_this_version(redis: Redis) -> None:
    # Given a Redis with the function, and a user who may do everything
    look_after_functions(redis, Settings())
    # When the user accepts through it, twice the same
    sender = Ledger(redis, by_function=True)
    job = Job("events.create", {"payload": {"event_name": "e"}}, producer="cli")
    for _ in range(2):
        sender.accept([job])
    # Then the job is where a worker of an earlier version looks, and counted
    assert redis.zrange(keys.due("events"), 0, -1) == [job.id.encode()]
    assert redis.hgetall(keys.COUNTS) == {b"accepted:events.create:cli": b"1"}


def test_the_function_of_an_earlier_release_is_replaced_where_redis_has_no_users(redis: Redis) -> None:
    # Given what an earlier worker has loaded, under names of its own
    look_after_functions(redis, Settings())
    (before,) = redis.function_list(LIBRARY, withcode=True)
    text = code_of(before)
    redis.function_load(text + "-- an earlier release\n", replace=True)
    # When a worker of this one looks after it, then its text is there, and the names stay
    look_after_functions(redis, Settings())
    (after,) = redis.function_list(LIBRARY, withcode=True)
    assert code_of(after) == text
