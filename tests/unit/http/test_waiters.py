"""Requests that wait for an outcome: each keeps a thread, so only so many do."""

from __future__ import annotations

import asyncio

from anyio import CapacityLimiter

from producers.http.context import Waiters
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect


def test_a_request_that_finds_every_place_taken_is_answered_at_once() -> None:
    # Given an admin that must not be asked, and no place left
    waiters = Waiters(LedgerAdmin(connect("redis://127.0.0.1:1")))

    async def ask() -> object:
        waiters.places = CapacityLimiter(1)
        async with waiters.places:
            return await waiters.outcomes(["0" * 24], 60)

    assert asyncio.run(ask()) == {}
