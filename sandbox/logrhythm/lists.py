"""`/lists/`: find, create, change, retire and read lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sandbox.logrhythm.checks import owner_is_valid, summary_problems
from sandbox.logrhythm.replies import BAD_OWNER, LIST_TYPES, NAME_TAKEN, Refused, invalid, too_long
from sandbox.logrhythm.store import StoredList, world_of
from sandbox.logrhythm.wire import pieces

#: Lists on a page, and items of a list, for a caller that does not say.
PAGE_SIZE, ITEMS_THRESHOLD = 100, 1000

#: What the server decides itself; sent values are ignored.
_OURS = frozenset(
    ("id", "guid", "dateCreated", "dateUpdated", "revisitDate", "entryCount", "listItemsCount", "items")
)


async def fetch(request: Request) -> Response:
    """Return one page of the lists that match the request's headers; query parameters mean nothing."""
    world = world_of(request)
    world.caller(request)
    matches = _filter(request)
    number, size = (
        _number(request, "pageNumber", 1),
        min(_number(request, "pageSize", PAGE_SIZE), world.config.max_page),
    )
    answers = [item.answer() for item in world.store.lists.values() if matches(item)]
    return JSONResponse(answers[(number - 1) * size : number * size])


async def upsert(request: Request) -> Response:
    """Change the list whose guid the body names, or create one: 200 or 201 with its summary."""
    world = world_of(request)
    claims = world.caller(request)
    body = _body(await request.body())
    problems = summary_problems(body, world.config)
    if problems:
        raise invalid(*problems)
    if not owner_is_valid(body.get("owner"), world.config):
        raise Refused(400, BAD_OWNER)
    known = world.store.get(str(body.get("guid", "")))
    if body["readAccess"] != "Private" and world.store.public_name_taken(
        body["name"], by_other_than=known.guid if known else ""
    ):
        raise Refused(409, NAME_TAKEN)
    if known:
        world.check_rights(claims, known)
        return JSONResponse(_changed(known, body).answer(), 200)
    made = world.store.create({"status": "Active", "useContext": ["None"], **_sent(body)})
    return JSONResponse(made.answer(), 201)


async def details(request: Request) -> Response:
    """Return a list with all its items, unless there are more than the caller is prepared for."""
    world = world_of(request)
    world.caller(request)
    stored = world.list_of(request)
    threshold = _number(request, "maxItemsThreshold", ITEMS_THRESHOLD, least=0)
    if len(stored.values) > threshold:
        raise too_long(threshold)
    body = pieces(stored, cut_at=world.faults.cut_list_bytes, drop=world.faults.cut_by_drop)
    return StreamingResponse(body, media_type="application/json")


def _filter(request: Request) -> Callable[[StoredList], bool]:
    """Build the test that the headers `name`, `listType` and `canEdit` ask for."""
    name = request.headers.get("name", "")
    kind = request.headers.get("listType", "None")
    can_edit = request.headers.get("canEdit")
    if name and len(name) < 3:
        raise invalid("header.name must be a string of at least 3 characters")
    if kind != "None" and kind not in LIST_TYPES:
        raise invalid(f"header.listType must match one of the following: None,{','.join(LIST_TYPES)}")
    pattern = _pattern(name)

    def matches(stored: StoredList) -> bool:
        editable = stored.summary["id"] > 0
        return (
            pattern.search(stored.name) is not None
            and kind in ("None", stored.summary["listType"])
            and (can_edit is None or (can_edit.lower() == "true") == editable)
        )

    return matches


def _pattern(name: str) -> re.Pattern[str]:
    """Return `name` as what the API calls "name or regex"; what is no regex is looked for as it stands."""
    try:
        return re.compile(f"{name}|{re.escape(name)}", re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(name), re.IGNORECASE)


def _number(request: Request, header: str, default: int, *, least: int = 1) -> int:
    text = request.headers.get(header)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise invalid(f"header.{header} must be greater than or equal to {least}")
    return int(text)


def _body(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise invalid(f"body must be a JSON object: {error}") from error


def _sent(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _OURS}


def _changed(stored: StoredList, body: dict[str, Any]) -> StoredList:
    stored.summary.update(_sent(body))
    stored.touch()
    return stored
