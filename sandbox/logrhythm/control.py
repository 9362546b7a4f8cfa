"""`/sandbox/...`: what a test, a benchmark or a curious person does to the simulated LogRhythm by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.logrhythm import faults
from sandbox.logrhythm.store import StoredList, World, world_of
from sandbox.logrhythm.tokens import mint


class Filling(Struct):
    """A list that is made, or added to, without the API: by its values, or `count` invented ones."""

    name: str
    list_type: str = "GeneralValue"
    values: tuple[str, ...] = ()
    count: int = 0
    owner: int = 12


async def show_faults(request: Request) -> Response:
    """Return what is still to go wrong."""
    return JSONResponse(msgspec.to_builtins(world_of(request).faults))


async def set_faults(request: Request) -> Response:
    """Set the faults that the body names."""
    try:
        faults.changed(world_of(request).faults, await request.body())
    except msgspec.MsgspecError as error:
        return JSONResponse({"message": str(error)}, 400)
    return await show_faults(request)


async def clear_faults(request: Request) -> Response:
    """Let nothing more go wrong."""
    faults.changed(world_of(request).faults, msgspec.json.encode(faults.Faults()))
    return await show_faults(request)


async def set_behaviour(request: Request) -> Response:
    """Change the version, or one of the undocumented choices; see `LogRhythmConfig`."""
    world = world_of(request)
    try:
        changes = msgspec.json.decode(await request.body(), type=dict[str, Any])
        config = msgspec.convert({**msgspec.to_builtins(world.config), **changes}, type(world.config))
    except msgspec.MsgspecError as error:
        return JSONResponse({"message": str(error)}, 400)
    world.config = config
    return JSONResponse(msgspec.to_builtins(world.config))


async def show_calls(request: Request) -> Response:
    """Return how often each route was called."""
    calls = world_of(request).calls
    return JSONResponse({"total": calls.total(), "by_route": dict(sorted(calls.items()))})


async def clear_calls(request: Request) -> Response:
    """Count from 0 again."""
    world_of(request).calls.clear()
    return JSONResponse({})


async def token(request: Request) -> Response:
    """Return a token: `uid`, `role` and `valid_s` in the query."""
    query = request.query_params
    made = mint(
        int(query.get("uid", "12")),
        role=query.get("role", "globalAdmin"),
        valid_s=float(query.get("valid_s", "31536000")),
    )
    return JSONResponse({"token": made})


async def fill(request: Request) -> Response:
    """Put values into the list of this name, made if need be; returns its summary."""
    world = world_of(request)
    try:
        filling = msgspec.json.decode(await request.body(), type=Filling)
    except msgspec.MsgspecError as error:
        return JSONResponse({"message": str(error)}, 400)
    stored = _named(world, filling.name) or world.store.create(_summary(filling))
    stored.fill(filling.values or _invented(filling))
    return JSONResponse(stored.answer())


async def show_values(request: Request) -> Response:
    """Return every value of a list, as a bare array."""
    return JSONResponse(list(world_of(request).list_of(request).values))


async def take_out(request: Request) -> Response:
    """Take the values in the body (an array) out of a list, as a user of the console would."""
    stored = world_of(request).list_of(request)
    stored.remove(msgspec.json.decode(await request.body(), type=list[str]))
    return JSONResponse(stored.answer())


async def retire(request: Request) -> Response:
    """Retire a list, as a user of the console would."""
    stored = world_of(request).list_of(request)
    stored.summary["status"] = "Retired"
    stored.touch()
    return JSONResponse(stored.answer())


async def delete(request: Request) -> Response:
    """Let a list vanish, as only a database administrator could."""
    world = world_of(request)
    del world.store.lists[world.list_of(request).guid]
    return JSONResponse({})


ROUTES = [
    Route("/sandbox/faults", show_faults, methods=["GET"]),
    Route("/sandbox/faults", set_faults, methods=["POST"]),
    Route("/sandbox/faults", clear_faults, methods=["DELETE"]),
    Route("/sandbox/behaviour", set_behaviour, methods=["POST"]),
    Route("/sandbox/calls", show_calls, methods=["GET"]),
    Route("/sandbox/calls", clear_calls, methods=["DELETE"]),
    Route("/sandbox/token", token, methods=["GET"]),
    Route("/sandbox/lists", fill, methods=["POST"]),
    Route("/sandbox/lists/{guid}/values", show_values, methods=["GET"]),
    Route("/sandbox/lists/{guid}/values", take_out, methods=["DELETE"]),
    Route("/sandbox/lists/{guid}/retire", retire, methods=["POST"]),
    Route("/sandbox/lists/{guid}", delete, methods=["DELETE"]),
]


def _named(world: World, name: str) -> StoredList | None:
    return next((item for item in world.store.lists.values() if item.name == name), None)


def _summary(filling: Filling) -> dict[str, Any]:
    general = filling.list_type == "GeneralValue"
    return {
        "listType": filling.list_type,
        "status": "Active",
        "name": filling.name,
        "useContext": ["Hash"] if general else ["None"],
        "autoImportOption": {"enabled": False, "usePatterns": False, "replaceExisting": False},
        "readAccess": "PublicAll",
        "writeAccess": "PublicGlobalAdmin",
        "restrictedRead": False,
        "entityName": "Global Entity",
        "needToNotify": False,
        "doesExpire": False,
        "owner": filling.owner,
    }


def _invented(filling: Filling) -> Iterator[str]:
    if filling.list_type == "IP":
        return (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(filling.count))
    return (f"{n * 0x9E3779B97F4A7C15 & (1 << 64) - 1:016x}{n:016x}" for n in range(filling.count))
