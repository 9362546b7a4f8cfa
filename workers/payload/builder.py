"""From a payload to the plan of its event; a part that is odd never costs the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from workers.core.errors import InputError
from workers.core.results import LeftOut
from workers.core.times import as_threatq_time
from workers.indicators.model import Attribute, Indicator
from workers.payload.attributes import as_text, native, read_attributes
from workers.payload.indicator_fields import Unread, read_uris
from workers.payload.json_text import MAX_DEPTH, escape_all, is_too_deep
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan
from workers.payload.required_fields import happened_at, one_line, required
from workers.payload.screening import ALLOW, KeptOut, read_allowed, screen
from workers.payload.severity import severity_of

T = TypeVar("T")

#: The fields that the dialect knows; any other is shown in the description.
FIELDS = frozenset(
    {
        "event_type", "event_name", "event_source", "event_happened_at", "event_attributes",
        "uri_source", "uri_source_attributes", "uri_target", "uri_target_attributes",
        "identity", "malware", "syslog_message", ALLOW,
    }
)  # fmt: skip

_LIST_BREAK = re.compile(r"~\||[\r\n]+")

#: Bytes of JSON that are still shown with indents, which make it up to MAX_DEPTH times as long.
_LONGEST_PRETTY = 262_144

#: How often a text may be JSON inside of a JSON string before it is shown as it stands.
_MAX_WRAPPINGS = 2


def plan_event(
    payload: dict[str, Any],
    *,
    received_at: datetime,
    options: DialectOptions,
    warnings: Iterable[str] = (),
) -> EventPlan:
    """Decide which event `payload` becomes; `warnings` are those of the producer that read it.

    Raises InputError for a payload without readable title, type or time.
    """
    return _Builder(payload, received_at, options, warnings).plan()


class _Builder:
    """Gathers the parts of one plan."""

    def __init__(
        self, payload: dict[str, Any], received_at: datetime, options: DialectOptions, warnings: Iterable[str]
    ) -> None:
        self.options = options
        self.received_at = received_at
        self.warnings = list(warnings)
        self.payload = self._fit(payload)
        self.attributes: list[Attribute] = []
        self.indicators: dict[tuple[str, str], dict[Attribute, None]] = {}
        self.assets: list[str] = []
        self.identities: list[str] = []
        self.left_out: list[LeftOut] = []
        self.allowed, warning = read_allowed(self.payload, may_overrule=options.overrule)
        self.warnings += [warning] if warning else []

    def plan(self) -> EventPlan:
        """Read every field in turn."""
        title, kind = required(self.payload, "event_name"), required(self.payload, "event_type")
        happened_at = self._time()
        self.attributes += self._attributes("event_attributes")
        self._side("Source", "uri_source")
        self._side("Target", "uri_target")
        description, overflow = self._description()
        return EventPlan(
            title=title,
            type=kind,
            happened_at=happened_at,
            source=self._text("event_source") or self.options.default_source,
            description=description,
            overflow=overflow,
            attributes=_unique(self.attributes),
            indicators=tuple(
                Indicator(kind, value, tuple(attributes))
                for (kind, value), attributes in self.indicators.items()
            ),
            assets=_unique(self.assets),
            identities=_unique((*self._names("identity"), *self.identities)),
            malware=self._names("malware"),
            warnings=_unique(self.warnings),
            left_out=_unique(self.left_out),
            severity=severity_of(self.attributes),
        )

    def _fit(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return the payload without what ThreatQ's database cannot hold; refuse what is too deep."""
        try:
            encoded = msgspec.json.encode(payload)
        except (UnicodeEncodeError, OverflowError, TypeError, RecursionError):
            encoded = None
        if (encoded is None or encoded.count(b"{") + encoded.count(b"[") > MAX_DEPTH) and is_too_deep(
            payload
        ):
            raise InputError(f"nested deeper than {MAX_DEPTH} levels; flatten it", field="payload")
        if encoded is not None and b"\\u0000" not in encoded:
            return payload
        fit: dict[str, Any] = escape_all(payload)
        if fit != payload:
            self.warnings.append("NUL characters or lone surrogates: kept as escapes such as \\u0000")
        return fit

    def _text(self, field: str) -> str:
        return one_line(self.payload, field)

    def _time(self) -> str:
        moment, warning = happened_at(self.payload, received_at=self.received_at, zone=self.options.zone)
        self.warnings += warning
        return as_threatq_time(moment)

    def _attributes(self, field: str) -> list[Attribute]:
        attributes, warnings = read_attributes(self.payload.get(field), field=field)
        self.warnings += warnings
        return attributes

    def _side(self, role: str, field: str) -> None:
        """Read the indicators of one side; its attributes and its role go onto each of them."""
        attributes = self._attributes(f"{field}_attributes")
        taken, options = 0, self.options
        for reading in read_uris(self.payload.get(field)):
            if isinstance(reading, Unread):
                self._keep_as_attribute(role, field, reading)
                continue
            screened = screen(reading, options.known_good, options.private_become, self.allowed)
            if isinstance(screened, KeptOut):
                self._keep_out(role, screened)
                continue
            own = self.indicators.setdefault((screened.type, screened.value), {})
            own.update(dict.fromkeys((*screened.attributes, *attributes, Attribute("Role", role))))
            taken += 1
        if attributes and not taken:
            self.warnings.append(f"{field}_attributes: no indicator to put them on; kept on the event")
            self.attributes += [
                Attribute(f"{role} {attribute.name}", attribute.value) for attribute in attributes
            ]

    def _keep_as_attribute(self, role: str, field: str, unread: Unread) -> None:
        self.warnings.append(
            f'{field}: "{unread.text[:80]}" is no indicator: {unread.why}; kept as an attribute'
        )
        self.attributes.append(Attribute(role, unread.text))
        self.left_out.append(LeftOut(unread.text, unread.why, "attribute"))

    def _keep_out(self, role: str, value: KeptOut) -> None:
        if value.is_shown:
            self.attributes.append(Attribute(f"{role} {value.label}", value.text))
        self.assets.append(value.asset)
        self.identities.append(value.identity)
        self.left_out.append(value.left_out)

    def _names(self, field: str) -> tuple[str, ...]:
        """Read identities or malware: a text with one or several names, or a list."""
        value = native(self.payload.get(field))
        items = value if isinstance(value, list) else [value]
        return _unique(name for item in items for name in _split_names(_name(item), field))

    def _description(self) -> tuple[str, str]:
        extra = {key: value for key, value in self.payload.items() if key not in FIELDS}
        if extra:
            names = ", ".join(list(extra)[:10])
            self.warnings.append(
                f"fields that the dialect does not know: {names[:200]}; kept in the description"
            )
        whole = describe(self.payload.get("syslog_message"), extra)
        description, overflow = cut(whole, self.options.max_description_chars)
        if overflow:
            self.warnings.append(
                f"syslog_message: ThreatQ takes {len(description)} of {len(whole)} characters"
            )
            self.left_out.append(LeftOut("the end of the description", "longer than ThreatQ takes", "job"))
        return description, overflow


def _name(item: object) -> str:
    """Return the name that an item is; of an object its `value` or `name`."""
    if isinstance(item, dict):
        item = item.get("value") or item.get("name") or item
    return as_text(item)


def _split_names(text: str, field: str) -> Iterable[str]:
    """Split at `~|` and line ends, and at `;` and `,` where they surely separate; a DN stays whole."""
    for part in _LIST_BREAK.split(text):
        if "=" in part:
            yield part.strip()
            continue
        for name in part.split(";"):
            pieces = name.split(",")
            split = field == "malware" or all("@" in piece for piece in pieces)
            yield from (piece.strip() for piece in (pieces if split else [name]))


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(item for item in items if item))


def describe(message: object, extra: dict[str, Any]) -> str:
    """Return the message, pretty where it is JSON, and below it the fields that no other part of the event takes."""
    parts = [_readable(message)]
    if extra:
        parts.append(f"Other fields of the payload:\n{_pretty(extra)}")
    return "\n\n".join(part for part in parts if part)


def cut(text: str, room: int) -> tuple[str, str]:
    """Return what of `text` fits into `room` characters, with a last line that says so, and the rest."""
    if len(text) <= room:
        return text, ""
    notice = "\n[The rest of {} characters is kept with the job.]"
    keep = max(room - len(notice) - len(str(len(text))), 0)
    return f"{text[:keep]}{notice.format(len(text) - keep)}"[:room], text[keep:]


def _readable(message: object) -> str:
    if message is None:
        return ""
    for _ in range(_MAX_WRAPPINGS):
        if not isinstance(message, str):
            break
        inner = _unwrapped(message)
        if inner is None:
            return message.strip()
        message = inner
    return message.strip() if isinstance(message, str) else _pretty(message)


def _unwrapped(text: str) -> object:
    """Return the object, array or text that a JSON text holds; None for any other text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return inner if isinstance(inner, dict | list | str) and not is_too_deep(inner, text) else None


def _pretty(value: object) -> str:
    try:
        text = msgspec.json.encode(value)
        return (text if len(text) > _LONGEST_PRETTY else msgspec.json.format(text, indent=2)).decode()
    except (OverflowError, UnicodeEncodeError, TypeError):
        # Numbers beyond 64 bits: the standard library writes them, ten times as slowly.
        return json.dumps(value, indent=2, ensure_ascii=False, default=str)
