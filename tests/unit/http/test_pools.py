"""Pools of what comes without a token."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from producers.http import pools
from producers.http.incidents import Incidents
from producers.http.pools import Forms, Turns
from producers.http.problems import Problem
from workers.telemetry.metrics import HTTP_CLOSED, counter


def test_requests_without_a_token_begin_in_their_order_so_many_a_round() -> None:
    begun: list[int] = []

    async def act() -> None:
        turns = Turns()

        async def request(number: int) -> None:
            await turns.wait()
            begun.append(number)

        # Given ten requests that come at once
        tasks = [asyncio.create_task(request(number)) for number in range(10)]
        await asyncio.sleep(0)
        # Then the loop has done other work before most of them began
        assert len(begun) == pools.TURNS_A_ROUND
        await asyncio.gather(*tasks)
        # And one that comes later begins at once
        await asyncio.sleep(0.01)
        await asyncio.wait_for(turns.wait(), 1)

    asyncio.run(act())
    assert begun == list(range(10))


def test_the_oldest_form_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_FORMS", 2)

    async def act() -> None:
        forms, never = Forms(Incidents(counter(CollectorRegistry(), HTTP_CLOSED), "closed")), asyncio.Event()

        async def form() -> None:
            async with forms.receiving("192.0.2.1"):
                await never.wait()

        # Given as many forms as there is room for, and one more
        oldest, *others = [asyncio.create_task(form()) for _ in range(3)]
        # Then the oldest is asked to come later, and the others are still received
        with pytest.raises(Problem, match="did not arrive in time"):
            await oldest
        assert [other.done() for other in others] == [False, False]
        for other in others:
            other.cancel()

    asyncio.run(act())
