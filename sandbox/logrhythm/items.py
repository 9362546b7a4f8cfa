"""`/lists/{guid}/items/`: put items in and take them out, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox.logrhythm.checks import item_problems
from sandbox.logrhythm.replies import DEADLOCK, Refused, invalid
from sandbox.logrhythm.store import Item, StoredList, World, world_of
from sandbox.logrhythm.wire import pieces


class Items(Struct):
    """The body of both calls."""

    items: list[Item]


async def add(request: Request) -> Response:
    """Put the body's items into the list."""
    return await _write(request, removing=False)


async def remove(request: Request) -> Response:
    """Take the body's items, by value, out of the list; a DELETE with a body."""
    return await _write(request, removing=True)


async def _write(request: Request, *, removing: bool) -> Response:
    world = world_of(request)
    claims = world.caller(request)
    stored = world.list_of(request)
    world.check_rights(claims, stored)
    with _transaction(world, stored):
        items = _items(await request.body(), world.config.max_items_per_call)
        await asyncio.sleep(world.config.write_ms / 1000)
        if removing:
            stored.remove(item.value for item in items)
        else:
            _check_new(items, stored, world)
            stored.add(items)
    if request.headers.get("loadListItems", "").lower() == "true":
        return StreamingResponse(pieces(stored), media_type="application/json")
    return JSONResponse(stored.answer())


@contextmanager
def _transaction(world: World, stored: StoredList) -> Iterator[None]:
    """Be the only writer, or the deadlock's victim.

    A write is in flight from the moment its head is read, as its transaction is on the real thing.
    """
    key = stored.guid if world.config.deadlocks == "list" else ""
    if key in world.writing:
        raise Refused(500, DEADLOCK)
    world.writing.add(key)
    try:
        yield
    finally:
        world.writing.discard(key)


def _items(raw: bytes, most: int) -> list[Item]:
    try:
        items = msgspec.json.decode(raw, type=Items).items
    except msgspec.MsgspecError as error:
        raise invalid(f"body: {error}") from error
    if len(items) > most:
        raise invalid(f"body.items must contain less than or equal to {most} items")
    return items


def _check_new(items: list[Item], stored: StoredList, world: World) -> None:
    problems = item_problems(items, stored)
    if problems:
        raise invalid(*problems)
    if world.config.duplicates == "error":
        doubles = [item.value for item in items if item.value in stored.values]
        if doubles:
            raise Refused(400, f"List already contains the item '{doubles[0]}'")
