"""Lists and their entries in the words of the Admin API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.errors import ServiceAway

#: Data type and item type of an entry by the type of its list; every other list holds plain strings.
_ENTRY_TYPES = {"IP": ("IP", "IP"), "IPRange": ("IPRange", "IPRange"), "Host": ("String", "HostName")}

#: The only list type that may be told where its values are used; for any other, that is a 400.
WITH_CONTEXT = "GeneralValue"


class ListKind(Struct, frozen=True):
    """What kind of list is made: its type, and for a GeneralValue list where its values are used.

    Types: GeneralValue, IP, IPRange (values `begin,end`), Host. Contexts: Hash, URL, DomainImpacted, ….
    """

    list_type: str
    contexts: tuple[str, ...] = ()


class ListSummary(Struct, frozen=True, rename="camel"):
    """A list as LogRhythm describes it; `told` is the whole description, which a change must send back."""

    guid: str
    name: str
    list_type: str
    status: str = "Active"
    entry_count: int = 0
    owner: int | None = None
    read_access: str = ""
    told: dict[str, Any] = {}

    @property
    def is_retired(self) -> bool:
        """Whether the list is out of use; LogRhythm keeps its name and its entries."""
        return self.status == "Retired"

    @property
    def is_public(self) -> bool:
        """Whether others than its owner may read the list; names of public lists are unique."""
        return self.read_access != "Private"


def summary(description: object) -> ListSummary:
    """Read a list's description; LogRhythm may wrap a single one in an array."""
    if isinstance(description, list) and len(description) == 1:
        description = description[0]
    try:
        read = msgspec.convert(description, ListSummary, strict=False)
    except msgspec.ValidationError as error:
        raise ServiceAway(
            "logrhythm", f"LogRhythm describes a list in a way that we do not know ({error})"
        ) from error
    return msgspec.structs.replace(read, told=description)


def new_list(
    name: str, kind: ListKind, *, owner: int, entity: str, read_access: str, write_access: str
) -> dict[str, Any]:
    """Write the request for a new list: it never expires, imports nothing and sends no notification."""
    request: dict[str, Any] = {
        "name": name,
        "listType": kind.list_type,
        "status": "Active",
        "shortDescription": "Kept in step with ThreatQ; changes made here are overwritten.",
        "autoImportOption": {"enabled": False, "usePatterns": False, "replaceExisting": False},
        "readAccess": read_access,
        "writeAccess": write_access,
        "restrictedRead": False,
        "entityName": entity,
        "needToNotify": False,
        "doesExpire": False,
        "owner": owner,
    }
    if kind.list_type == WITH_CONTEXT and kind.contexts:
        request["useContext"] = list(kind.contexts)
    return request


def changed_list(target: ListSummary, **changes: object) -> dict[str, Any]:
    """Write the request that changes `target`: all that LogRhythm told, without what it refuses to read back."""
    request = {name: value for name, value in target.told.items() if name not in ("items", "listItemsCount")}
    if target.list_type != WITH_CONTEXT:
        request.pop("useContext", None)
    if not request.get("timeToLiveSeconds"):
        request.pop("timeToLiveSeconds", None)
    return {**request, **changes}


class ListEntry(Struct, frozen=True, gc=False, rename="camel"):
    """An entry as both calls take it that add and remove entries; it is encoded in half the time of a dictionary."""

    display_value: str
    value: str
    list_item_data_type: str
    list_item_type: str
    expiration_date: None = None
    is_expired: bool = False
    is_list_item: bool = False
    is_pattern: bool = False


def entries(list_type: str, values: Iterable[str]) -> dict[str, list[ListEntry]]:
    """Write the body that adds or removes `values`, for msgspec to encode."""
    data_type, item_type = _ENTRY_TYPES.get(list_type, ("String", "StringValue"))
    return {"items": [ListEntry(value, value, data_type, item_type) for value in values]}
