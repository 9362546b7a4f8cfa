"""What one simulated LogRhythm consists of while it runs; a list with a million items is normal."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from msgspec import Struct
from starlette.requests import Request

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.faults import Faults
from sandbox.logrhythm.replies import GLOBAL_ROLES, Refused
from sandbox.logrhythm.tokens import Claims, bearer

#: Lists of users get ids from here up; the built-in ones have negative ids.
FIRST_LIST_ID = 2001

#: Data type and item type by list type; every other list holds strings.
SHAPES = {"IP": ("IP", "IP"), "IPRange": ("IPRange", "IPRange"), "Host": ("String", "HostName")}


class Item(Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of a list, as a client sends it."""

    value: str = ""
    display_value: str = ""
    expiration_date: str | None = None
    is_expired: bool = False
    is_list_item: bool = False
    is_pattern: bool = False
    list_item_data_type: str = "String"
    list_item_type: str = "StringValue"
    value_as_list_reference: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class StoredList:
    """A list: its summary in the API's words, and its items.

    `values` are kept in order of arrival. `unusual` holds the whole item for those few values that have more
    to them than their value; that keeps a million items near 130 MB.
    """

    def __init__(self, number: int, summary: dict[str, Any]) -> None:
        self.guid = str(uuid.uuid4()).upper()
        self.values: dict[str, None] = {}
        self.unusual: dict[str, Item] = {}
        self.summary = summary
        self.summary.update(id=number, guid=self.guid, dateCreated=timestamp())
        self.summary["dateUpdated"] = self.summary["dateCreated"]

    @property
    def name(self) -> str:
        return str(self.summary["name"])

    @property
    def public(self) -> bool:
        return bool(self.summary["readAccess"] != "Private")

    @property
    def shape(self) -> tuple[str, str]:
        """Data type and item type of an ordinary item of this list."""
        return SHAPES.get(self.summary["listType"], ("String", "StringValue"))

    def plain(self, value: str) -> Item:
        """Return `value` as an ordinary item of this list."""
        data_type, item_type = self.shape
        return Item(value=value, display_value=value, list_item_data_type=data_type, list_item_type=item_type)

    def item(self, value: str) -> Item:
        """Return the item with this value as it was sent."""
        return self.unusual.get(value) or self.plain(value)

    def add(self, items: Iterable[Item]) -> None:
        """Put `items` in; a value that is there already changes nothing."""
        for item in items:
            if item.value not in self.values and item != self.plain(item.value):
                self.unusual[item.value] = item
            self.values[item.value] = None
        self.touch()

    def fill(self, values: Iterable[str]) -> None:
        """Put ordinary items in, as many as there are."""
        self.values.update(dict.fromkeys(values))
        self.touch()

    def remove(self, values: Iterable[str]) -> None:
        """Take `values` out; one that is not there changes nothing."""
        for value in values:
            self.values.pop(value, None)
            self.unusual.pop(value, None)
        self.touch()

    def touch(self) -> None:
        """Note a change, as LogRhythm does: the list is to be revisited in ten years."""
        now = datetime.now(UTC)
        self.summary["dateUpdated"] = timestamp(now)
        self.summary["revisitDate"] = timestamp(now.replace(year=now.year + 10, day=min(now.day, 28)))

    def answer(self) -> dict[str, Any]:
        """Return the summary as the API shows it; `listItemsCount` is 0 whatever the list holds."""
        shown = {key: value for key, value in self.summary.items() if value is not None}
        return {**shown, "entryCount": len(self.values), "listItemsCount": 0}


class Store:
    """All lists, by guid."""

    def __init__(self) -> None:
        self.lists: dict[str, StoredList] = {}
        self._next_id = FIRST_LIST_ID

    def get(self, guid: str) -> StoredList | None:
        """Return the list with this guid in any case, or None."""
        return self.lists.get(guid.upper())

    def create(self, summary: dict[str, Any]) -> StoredList:
        """Make an empty list; the server picks id and guid."""
        made = StoredList(self._next_id, summary)
        self._next_id += 1
        self.lists[made.guid] = made
        return made

    def public_name_taken(self, name: str, *, by_other_than: str = "") -> bool:
        """Tell whether a public list of this name exists, retired or not."""
        return any(
            item.public and item.name == name and item.guid != by_other_than for item in self.lists.values()
        )


def timestamp(when: datetime | None = None) -> str:
    """Return a time as the API writes it: UTC, up to three decimals, trailing zeros cut."""
    text = (when or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return text.rstrip("0").rstrip(".") + "Z"


class World:
    """Configuration, lists, faults, call counters, and who is writing where."""

    def __init__(self, config: LogRhythmConfig) -> None:
        self.config = config
        self.store = Store()
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.writing: set[str] = set()

    def caller(self, request: Request) -> Claims:
        """Return who calls, or raise the 401."""
        claims = bearer(request.headers.get("authorization", ""))
        if claims is None:
            raise Refused(401, "Unauthorized")
        return claims

    def list_of(self, request: Request) -> StoredList:
        """Return the list that the path names, or raise the 404."""
        stored = self.store.get(request.path_params["guid"])
        if stored is None:
            raise Refused(404, "List not found")
        return stored

    def check_rights(self, claims: Claims, stored: StoredList) -> None:
        """Raise the 403 unless the caller may write to the list."""
        access = stored.summary["writeAccess"]
        owns = stored.summary.get("owner") == claims.uid
        if claims.rid not in GLOBAL_ROLES and not owns and access in ("Private", "PublicGlobalAdmin"):
            raise Refused(403, "Insufficient permissions to update the list")

    def owner_name(self, owner: object) -> str:
        """Return the name of a list's owner as the console shows it."""
        return next((person.full_name for person in self.config.people if person.id == owner), str(owner))


def world_of(request: Request) -> World:
    """Return the world that this application serves."""
    return cast(World, request.app.state.world)
