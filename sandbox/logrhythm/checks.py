"""What the Admin API accepts: pure functions from a request's body to the problems with it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.logrhythm.config import ADMIN_ID, LogRhythmConfig, Person
from sandbox.logrhythm.replies import ACCESS, DATA_TYPES, ITEM_TYPES, LIST_TYPES, STATUSES, use_contexts
from sandbox.logrhythm.store import Item, StoredList

_FLAGS = ("restrictedRead", "needToNotify", "doesExpire")
_REQUIRED = ("name", "listType", "autoImportOption", "readAccess", "writeAccess", "entityName", *_FLAGS)

#: Who may read or write, from few to many: a list may not be read by fewer than may write it.
_OPENNESS = {"Private": 0, "PublicGlobalAdmin": 1, "PublicRestrictedAdmin": 2, "PublicAll": 4}

#: Seconds below which a time to live is refused.
MIN_TTL_S = 1200


def summary_problems(body: dict[str, Any], config: LogRhythmConfig) -> list[str]:
    """Return every fault of a list summary, in the API's own style of naming them."""
    missing = [f"body.{name} is required" for name in _REQUIRED if name not in body]
    return missing or [
        *_enum_problems(body),
        *_type_problems(body),
        *_context_problems(body, use_contexts(config.mode)),
        *_entity_problems(body, config.entities),
    ]


def owner_is_valid(owner: object, config: LogRhythmConfig) -> bool:
    """Tell whether `owner` may own a list: an active person whose record belongs to the administrator."""
    if config.mode == "7.4":
        return owner is None or isinstance(owner, int)
    return any(person.id == owner and _may_own(person) for person in config.people)


def item_problems(items: Sequence[Item], stored: StoredList) -> list[str]:
    """Return every fault of items that are to be added to `stored`."""
    return [
        f"body.items.{index}.{fault}"
        for index, item in enumerate(items)
        for fault in _item_faults(item, stored)
    ]


def _may_own(person: Person) -> bool:
    return person.status == "Active" and person.owner_id == ADMIN_ID


def _enum_problems(body: dict[str, Any]) -> Iterator[str]:
    for name, allowed in (
        ("listType", LIST_TYPES),
        ("readAccess", ACCESS),
        ("writeAccess", ACCESS),
        ("status", STATUSES),
    ):
        if name in body and body[name] not in allowed:
            yield _not_one_of(name, allowed)


def _type_problems(body: dict[str, Any]) -> Iterator[str]:
    if not isinstance(body["name"], str) or not body["name"]:
        yield "body.name must be a string of at least 1 characters"
    for flag in _FLAGS:
        if not isinstance(body[flag], bool):
            yield f"body.{flag} must be of type boolean"
    option = body["autoImportOption"]
    for flag in ("enabled", "usePatterns", "replaceExisting"):
        if not isinstance(option, dict) or not isinstance(option.get(flag), bool):
            yield f"body.autoImportOption.{flag} is required"
    if _OPENNESS.get(body["readAccess"], 3) < _OPENNESS.get(body["writeAccess"], 3):
        yield "body.readAccess must not be stricter than body.writeAccess"
    if "timeToLiveSeconds" in body:
        ttl = body["timeToLiveSeconds"]
        if not isinstance(ttl, int) or ttl < MIN_TTL_S:
            yield f"body.timeToLiveSeconds must be greater than or equal to {MIN_TTL_S}"


def _context_problems(body: dict[str, Any], allowed: Sequence[str]) -> Iterator[str]:
    if "useContext" not in body:
        return
    contexts = body["useContext"]
    if not isinstance(contexts, list) or not contexts:
        yield _not_one_of("useContext.0", allowed)
        return
    for index, context in enumerate(contexts):
        if context not in allowed:
            yield _not_one_of(f"useContext.{index}", allowed)
    if body["listType"] != "GeneralValue" and contexts != ["None"]:
        yield _not_one_of("useContext.0", ("None",))


def _entity_problems(body: dict[str, Any], entities: Sequence[str]) -> Iterator[str]:
    if body["entityName"] not in entities:
        yield f"body.entityName '{body['entityName']}' does not exist"


def _item_faults(item: Item, stored: StoredList) -> Iterator[str]:
    if item.list_item_data_type not in DATA_TYPES:
        yield f"listItemDataType must match one of the following: {','.join(DATA_TYPES)}"
    if item.list_item_type not in ITEM_TYPES:
        yield f"listItemType must match one of the following: {','.join(ITEM_TYPES)}"
    if item.is_list_item:
        return
    if not item.value:
        yield "value is required"
    elif stored.summary["listType"] == "IP" and not _is_address(item.value):
        yield f"value '{item.value}' is not an IP address"
    elif stored.summary["listType"] == "IPRange" and not _is_range(item.value):
        yield f"value '{item.value}' is not an IP range"


def _is_address(text: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return False
    return True


def _is_range(text: str) -> bool:
    begin, comma, end = text.partition(",")
    return bool(comma) and _is_address(begin) and _is_address(end)


def _not_one_of(name: str, allowed: Sequence[str]) -> str:
    return f"body.{name} must match one of the following: {','.join(allowed)}"
