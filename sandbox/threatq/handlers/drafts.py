"""Reads an item of a create or consume request into a draft, or says which field is wrong.

What `normalize: "Y"` does to a value stands here too: quotes, spaces, defanging, a URL's scheme, an address's port.
"""

from __future__ import annotations

import ipaddress
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from sandbox.threatq.handlers.lookups import resolve
from sandbox.threatq.model import clock
from sandbox.threatq.model.defaults import TLP
from sandbox.threatq.model.kinds import KINDS, Kind
from sandbox.threatq.model.type_rows import table_of

if TYPE_CHECKING:
    from sandbox.threatq.model.call import System

#: The longest text that MySQL keeps in such a column, in bytes.
MAX_DESCRIPTION = 65_535

MAX_KEY = 65_535

_SCHEME = re.compile(r"^(https?|ftps?)://", re.IGNORECASE)

_PORT = re.compile(r"^(\d+\.\d+\.\d+\.\d+):(\d+)$")

_REFANG = (("hxxp", "http"), ("[.]", "."), ("(.)", "."), ("[:]", ":"), ("[@]", "@"))


class Fatal(Exception):
    """Something breaks inside, as a server's own fault would."""


class Invalid(Exception):
    """An item that ThreatQ refuses, with the field and its message."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


class SourceDraft(msgspec.Struct, frozen=True):
    """A source by name."""

    name: str
    tlp_id: int | None = None
    published_at: int | None = None


class AttributeDraft(msgspec.Struct, frozen=True):
    """An attribute and who says so."""

    name: str
    value: str
    sources: tuple[SourceDraft, ...] = ()
    published_at: int | None = None


class Draft(msgspec.Struct, frozen=True):
    """A valid item, ready to be written. `id` targets an existing object, whose key may then be absent."""

    kind: Kind
    key: str
    id: int | None
    type_id: int | None
    status_id: int | None
    description: str | None
    happened_at: int | None
    published_at: int | None
    last_detected_at: int | None
    sources: tuple[SourceDraft, ...]
    attributes: tuple[AttributeDraft, ...]
    tags: tuple[str, ...]
    comments: tuple[str, ...]
    relations: tuple[tuple[Kind, int | Draft], ...]


def draft(threatq: System, kind: Kind, item: object) -> Draft:
    """Read one item; raises Invalid."""
    if not isinstance(item, dict):
        raise Invalid(kind.key, "Each item must be a JSON object.")
    id = _existing_id(threatq, kind, item)
    key = "" if id is not None and kind.key not in item else _key(threatq, kind, item)
    key, type_id, cut_off = _typed(threatq, kind, key, item, required=id is None)
    return Draft(
        kind,
        key,
        id,
        type_id,
        _status_id(threatq, kind, item),
        description_of(item),
        moment(item, "happened_at", required=kind.is_event and id is None),
        moment(item, "published_at"),
        moment(item, "last_detected_at"),
        sources_of(item),
        (*attributes_of(item.get("attributes")), *cut_off),
        names_of(item.get("tags"), "tags", "name"),
        names_of(item.get("comments"), "comments", "value"),
        tuple(_relations(threatq, item)),
    )


def moment(item: dict[str, Any], field: str, required: bool = False) -> int | None:
    """A time field; raises Invalid for any form but `YYYY-MM-DD HH:MM:SS`."""
    given = item.get(field)
    if given in (None, "") and not required:
        return None
    if not given:
        raise Invalid(field, f"The {field} field is required.")
    try:
        return clock.parse(str(given))
    except ValueError:
        raise Invalid(field, f"The {field} does not match the format Y-m-d H:i:s.") from None


def description_of(item: dict[str, Any]) -> str | None:
    """A description, plain or as a list of values; raises Invalid if it is too long."""
    given = item.get("description")
    if isinstance(given, list):
        given = "\n".join(names_of(given, "description", "value"))
    if given is None:
        return None
    if len(str(given).encode(errors="replace")) > MAX_DESCRIPTION:
        raise Invalid("description", f"The description may not be greater than {MAX_DESCRIPTION} characters.")
    return str(given)


def sources_of(item: dict[str, Any]) -> tuple[SourceDraft, ...]:
    """The sources of an item: names, or objects with a TLP."""
    return tuple(source_of(source) for source in _list(item.get("sources"), "sources"))


def source_of(given: object) -> SourceDraft:
    """One source; raises Invalid without a name."""
    source = given if isinstance(given, dict) else {"name": given}
    name = str(source.get("name") or "").strip()
    if not name:
        raise Invalid("sources", "The source name field is required.")
    tlp = source.get("tlp_id", source.get("tlp"))
    tlp = tlp.get("name") if isinstance(tlp, dict) else tlp
    tlp_id = tlp if isinstance(tlp, int) else TLP.get(str(tlp))
    return SourceDraft(name, tlp_id, moment(source, "published_at"))


def attributes_of(given: object) -> tuple[AttributeDraft, ...]:
    """Attributes with name and value; raises Invalid for anything else."""
    return tuple(_attribute(attribute) for attribute in _list(given, "attributes"))


def names_of(given: object, field: str, key: str) -> tuple[str, ...]:
    """Texts given as strings or as objects with this key; raises Invalid for an empty one."""
    items = _list(given, field)
    names = tuple(str((item.get(key) if isinstance(item, dict) else item) or "") for item in items)
    if not all(name.strip() for name in names):
        raise Invalid(field, f"The {field} {key} field is required.")
    return names


def _attribute(given: object) -> AttributeDraft:
    if not isinstance(given, dict):
        raise Invalid("attributes", "Each attribute must be a JSON object.")
    name, value = str(given.get("name") or "").strip(), given.get("value")
    if not name or value is None or str(value) == "":
        raise Invalid("attributes", "The attribute name and value fields are required.")
    return AttributeDraft(name, str(value), sources_of(given), moment(given, "published_at"))


def _list(given: object, field: str) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, dict | str):
        return [given]
    if not isinstance(given, list):
        raise Invalid(field, f"The {field} must be an array.")
    return given


def id_of(given: object) -> int:
    """An id, which clients send as a number or as text; 0, which nothing has, for anything else."""
    text = str(given)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _existing_id(threatq: System, kind: Kind, item: dict[str, Any]) -> int | None:
    if "id" not in item:
        return None
    id = id_of(item["id"])
    if not threatq.store.one(f"SELECT id FROM {kind.collection} WHERE id = ?", id):
        raise Invalid("id", "The selected id is invalid.")
    return id


def _key(threatq: System, kind: Kind, item: dict[str, Any]) -> str:
    given = item.get(kind.key)
    if not isinstance(given, str | int | float) or not str(given).strip():
        raise Invalid(kind.key, f"The {kind.key} field is required.")
    key = str(given)
    if len(key) > MAX_KEY:
        raise Invalid(kind.key, f"The {kind.key} may not be greater than {MAX_KEY} characters.")
    if any(fnmatchcase(key, pattern) for pattern in threatq.behaviour.poison):
        raise Invalid(kind.key, f"The {kind.key} is invalid.")
    if any(fnmatchcase(key, pattern) for pattern in threatq.behaviour.fatal):
        raise Fatal
    return key


def _typed(
    threatq: System, kind: Kind, key: str, item: dict[str, Any], required: bool
) -> tuple[str, int | None, tuple[AttributeDraft, ...]]:
    """The key in its stored form, the type's id, and attributes for what normalising cut off."""
    table = table_of(kind)
    given = item.get("type_id", item.get("type"))
    if table is None or (given is None and not required):
        return key, None, ()
    type = resolve(threatq.store, table, given)
    if type is None:
        raise Invalid(
            "type", "The type field is required." if given is None else "The selected type is invalid."
        )
    if not kind.is_indicator:
        return key, type["id"], ()
    normal = _stored_form(key, type["name"], item.get("normalize") == "Y", threatq.behaviour.strip_scheme)
    stored = resolve(threatq.store, table, {"name": normal.type})
    return normal.value, (stored or type)["id"], tuple(AttributeDraft(*pair) for pair in normal.attributes)


def _stored_form(value: str, type: str, wanted: bool, strip_scheme: str) -> Normal:
    if type != "URL":
        return normalise(value, type) if wanted else Normal(value, type)
    if strip_scheme == "never" or (strip_scheme == "normalize" and not wanted):
        return Normal(value, type)
    return normalise(value, type)


def _status_id(threatq: System, kind: Kind, item: dict[str, Any]) -> int | None:
    given = item.get("status_id", item.get("status"))
    if not kind.is_indicator or given is None:
        return None
    status = resolve(threatq.store, "statuses", given)
    if status is None:
        raise Invalid("status", "The selected status is invalid.")
    return int(status["id"])


def _relations(threatq: System, item: dict[str, Any]) -> list[tuple[Kind, int | Draft]]:
    relations: list[tuple[Kind, int | Draft]] = []
    for collection in item.keys() & KINDS.keys():
        kind = KINDS[collection]
        for related in _list(item[collection], collection):
            by_id = isinstance(related, dict) and related.keys() == {"id"}
            id = _existing_id(threatq, kind, related) if by_id else None
            relations.append((kind, draft(threatq, kind, related) if id is None else id))
    return relations


class Normal(msgspec.Struct, frozen=True):
    """A value in its stored form, the type that this makes it, and attributes that carry what was cut off."""

    value: str
    type: str
    attributes: tuple[tuple[str, str], ...] = ()


def normalise(value: str, type: str) -> Normal:
    """The stored form of a value of this type."""
    value = _tidy(value, type)
    if type == "URL":
        return _without_scheme(value)
    port = _PORT.match(value) if type == "IP Address" else None
    return Normal(port[1], type, (("Port", port[2]),)) if port else Normal(value, type)


def _without_scheme(value: str) -> Normal:
    """A URL without scheme; a bare host becomes an FQDN or an address."""
    scheme = _SCHEME.match(value)
    rest = value[scheme.end() :] if scheme else value
    kept = (("Scheme", scheme[1].lower()),) if scheme else ()
    host = rest.rstrip("/")
    return Normal(rest, "URL", kept) if re.search(r"[/?#:]", host) else Normal(host, _host_type(host), kept)


def _tidy(value: str, type: str) -> str:
    value = value.strip().strip("\"'").strip()
    if type in {"URL", "FQDN", "IP Address", "IPv6 Address", "Email Address"}:
        for fanged, plain in _REFANG:
            value = value.replace(fanged, plain)
        value = value.replace(" ", "")
    return value


def _host_type(host: str) -> str:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return "FQDN"
    return "IP Address"
