"""The ledger of the HTTP entry point: requests that come during a call share the next one, and each is answered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from workers.core.jobs import Job
from workers.ledger import async_ledger
from workers.ledger.accept import Accepted
from workers.ledger.async_ledger import MOST_CALLS, AsyncLedger
from workers.ledger.quarantine import QuarantineLimits


def ledger() -> AsyncLedger:
    """Return a ledger whose Redis is never spoken to."""
    return AsyncLedger(Redis(), most_open=10, most_memory_percent=70, quarantine=QuarantineLimits(), keep_s=1)


def job() -> Job:
    """Return a job of the queue of events."""
    return Job("events.create", {"payload": {}}, producer="http")


def test_a_request_that_comes_in_the_moment_in_which_all_calls_end_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> list[list[Accepted]]:
        redis_answers = asyncio.Event()

        async def follow(redis: Redis, flow: Any) -> list[Accepted]:
            await redis_answers.wait()
            return [Accepted("an id", created=True)]

        monkeypatch.setattr(async_ledger, "follow_async", follow)
        of_the_entry = ledger()
        first = []
        for _ in range(MOST_CALLS):
            first.append(asyncio.create_task(of_the_entry.accept([job()])))
            # The request and then its call run before the next request comes, so that each has a call of its own.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        redis_answers.set()
        last = asyncio.create_task(
            of_the_entry.accept([job()])
        )  # its turn comes right after the calls have ended
        return await asyncio.wait_for(asyncio.gather(*first, last), timeout=5)

    answers = asyncio.run(scene())

    assert [answer[0].id for answer in answers] == ["an id"] * (MOST_CALLS + 1)
