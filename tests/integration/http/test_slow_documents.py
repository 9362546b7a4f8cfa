"""What takes long to read keeps no other sender waiting: it leaves the event loop, and begins again in a thread."""

from __future__ import annotations

import asyncio
import threading
from time import monotonic

import pytest
from msgspec.structs import asdict
from starlette.requests import Request

from producers.http.context import HttpContext
from producers.http.events import post_validate
from producers.http.request import WHOLE_BODY
from producers.http.tokens import ApiTokens, TokenHolder
from workers.core.jobs import Job
from workers.mappings.time_limit import look_at_clock
from workers.payload.intake import Intake, RejectedPayload
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

ENTERED, RELEASED = threading.Event(), threading.Event()


class SlowIntake(Intake, frozen=True):
    """Reads for as long as it is let, and until it is released at least."""

    def jobs(self, *_: object, **__: object) -> list[Job | RejectedPayload]:
        """Return nothing, in the end."""
        ENTERED.set()
        ends_s = monotonic() + 10
        while not RELEASED.is_set():
            look_at_clock()
            assert monotonic() < ends_s, "the event loop waits for this"
        return []


async def released_by_others(context: HttpContext, body: bytes) -> int:
    """Release the reading of `body` by what runs on the event loop beside it; return the status of its answer."""
    scope = {"type": "http", "headers": [], "query_string": b"", WHOLE_BODY: body}
    reading = asyncio.create_task(post_validate(context, Request(scope), TokenHolder("a", frozenset())))
    while not ENTERED.is_set():
        await asyncio.sleep(0)
    RELEASED.set()
    answer = await reading
    await context.ledger.close()
    return answer.status_code


def test_a_small_body_that_takes_long_leaves_the_event_loop_to_others(redis_url: str) -> None:
    # Given an entry point that reads a small body without an end
    context = HttpContext(Settings(redis_url=redis_url), ApiTokens({}, open_to_all=True))
    context.intake = SlowIntake(**asdict(context.intake))
    # When it comes, then the loop goes on, which ends it
    assert asyncio.run(asyncio.wait_for(released_by_others(context, b"{}"), 30)) == 200
