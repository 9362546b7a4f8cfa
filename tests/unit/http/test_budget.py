"""Shares of the bytes that may be in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from producers.http import budget as http_budget
from producers.http.budget import ByteBudget
from producers.http.problems import Problem


def run(act: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(act, 10))


def test_shares_are_given_in_turn_and_a_small_one_does_not_overtake() -> None:
    async def act() -> None:
        # Given a budget of which a request holds most
        budget, first, large, small = ByteBudget("x", 10), {}, {}, {}
        await budget.take(first, 8)
        turns = [asyncio.create_task(budget.take(large, 6)), asyncio.create_task(budget.take(small, 1))]
        await asyncio.sleep(0)
        assert [turn.done() for turn in turns] == [False, False]
        # When it gives back what it does not need, then both get their shares
        budget.keep(first, 3)
        await asyncio.gather(*turns)
        # And in the end all is free
        for scope in (first, large, small):
            budget.keep(scope, 0)
        assert budget.free == 10

    run(act())


def test_a_request_takes_once_what_it_asks_for_twice_and_never_more_than_there_is() -> None:
    async def act() -> None:
        budget, scope = ByteBudget("x", 10), {}
        await budget.take(scope, 4)
        await budget.take(scope, 4)
        assert budget.free == 6
        await budget.take(scope, 1_000)
        assert budget.free == 0

    run(act())


def test_a_request_that_gets_no_share_in_time_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_budget, "WAIT_S", 0.01)

    async def act() -> None:
        budget, first, second, third = ByteBudget("x", 10), {}, {}, {}
        await budget.take(first, 10)
        with pytest.raises(Problem, match="too many large bodies") as refused:
            await budget.take(second, 1)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        # Then it holds nothing, and the next one gets all
        budget.keep(first, 0)
        await budget.take(third, 10)
        assert budget.free == 0

    run(act())


def test_a_share_that_comes_as_its_request_is_cancelled_is_not_lost() -> None:
    async def act() -> None:
        budget, first = ByteBudget("x", 10), {}
        await budget.take(first, 10)
        for cancelled_first in (True, False):
            turn = asyncio.create_task(budget.take({}, 5))
            await asyncio.sleep(0)
            if cancelled_first:
                turn.cancel()
            budget.keep(first, 0)
            if not cancelled_first:
                turn.cancel()
            await asyncio.wait([turn])
            assert budget.free == 10
            await budget.take(first, 10)

    run(act())
