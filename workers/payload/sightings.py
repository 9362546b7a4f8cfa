"""From a LogRhythm alarm to the plan of its sighting: pure, and the same rules as for payloads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from workers.core.errors import InputError
from workers.core.results import LeftOut
from workers.core.times import as_threatq_time, read_time
from workers.indicators.addresses import host_of
from workers.indicators.known_good.judge import OURS, Verdict
from workers.indicators.model import Attribute, Indicator
from workers.payload.indicator_fields import Unread, read_uris
from workers.payload.json_text import escape_all
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan
from workers.payload.screening import KeptOut, keep_out, screen

#: ThreatQ's type of such an event, and the source that it names.
EVENT_TYPE, SOURCE = "Sighting", "LogRhythm"


class AlarmField(Struct, frozen=True):
    """An alarm field: LogRhythm's label, and the indicator type of its values (None: told from the value)."""

    label: str
    type: str | None


#: The switches of tq-sighting, which are LogRhythm's names of the alarm fields.
FIELDS = {
    "SIP": AlarmField("IP Address (Origin)", "IP Address"),
    "DIP": AlarmField("IP Address (Impacted)", "IP Address"),
    "SHostName": AlarmField("Host (Origin)", "FQDN"),
    "DHostName": AlarmField("Host (Impacted)", "FQDN"),
    "Recipient": AlarmField("Recipient", "Email Address"),
    "Sender": AlarmField("Sender", "Email Address"),
    "URL": AlarmField("URL", "URL"),
    "Object": AlarmField("Object", None),
}


def sighting_plan(
    arguments: Mapping[str, Any], *, received_at: datetime, options: DialectOptions
) -> EventPlan:
    """Decide which event an alarm becomes.

    Raises InputError for an alarm without id or name, or with a date that cannot be read.
    """
    alarm = escape_all(dict(arguments))
    alarm_id, name = _required(alarm, "alarm_id"), _required(alarm, "alarm_name")
    happened_at, warnings = _time(str(alarm.get("alarm_date") or ""), received_at, options)
    seen = _Seen(options)
    for field, text in dict(alarm.get("observed") or {}).items():
        seen.take(
            FIELDS.get(field) or AlarmField(field, None), str(text), is_ours=field in options.own_fields
        )
    return EventPlan(
        title=f"{name} (LogRhythm alarm {alarm_id})",
        type=EVENT_TYPE,
        happened_at=happened_at,
        source=SOURCE,
        description=f"LogRhythm raised alarm {alarm_id}, {name}, at {happened_at} UTC.",
        attributes=tuple(
            dict.fromkeys((Attribute("Alarm ID", alarm_id), Attribute("Alarm Name", name), *seen.attributes))
        ),
        indicators=tuple(seen.indicators),
        assets=tuple(dict.fromkeys(filter(None, seen.assets))),
        identities=tuple(dict.fromkeys(filter(None, seen.identities))),
        warnings=warnings,
        left_out=tuple(seen.left_out),
        is_alarm=True,
    )


class _Seen:
    """Gathers what was observed, field by field."""

    def __init__(self, options: DialectOptions) -> None:
        self.options = options
        self.attributes: list[Attribute] = []
        self.indicators: dict[Indicator, None] = {}
        self.assets: list[str] = []
        self.identities: list[str] = []
        self.left_out: list[LeftOut] = []

    def take(self, field: AlarmField, text: str, *, is_ours: bool) -> None:
        """Read one field; it is an attribute of the event in any case, but for what is ours and to be dropped."""
        for reading in read_uris({"type": field.type, "value": text}):
            if isinstance(reading, Unread):
                self.attributes.append(Attribute(field.label, reading.text.strip()))
                self.left_out.append(LeftOut(reading.text.strip(), reading.why, "attribute"))
                continue
            screened = (
                self._as_ours(reading)
                if is_ours
                else screen(reading, self.options.known_good, self.options.private_become)
            )
            if isinstance(screened, KeptOut):
                self._keep_out(field, reading, screened)
            else:
                self.attributes.append(Attribute(field.label, screened.value))
                self.indicators[screened] = None

    def _as_ours(self, reading: Indicator) -> KeptOut:
        part = host_of(reading.value) if reading.type == "URL" else reading.value
        return keep_out(reading, Verdict("block", OURS, "what is ours", part), self.options.private_become)

    def _keep_out(self, field: AlarmField, reading: Indicator, value: KeptOut) -> None:
        if value.is_shown:
            self.attributes.append(Attribute(field.label, reading.value))
        if not value.is_ours:
            self.attributes.append(Attribute(value.label, value.text))
        self.assets.append(value.asset)
        self.identities.append(value.identity)
        self.left_out.append(value.left_out)


def _required(alarm: Mapping[str, Any], field: str) -> str:
    text = " ".join(str(alarm.get(field) or "").split())
    if not text:
        raise InputError("is missing or empty; every sighting needs it", field=field)
    return text


def _time(text: str, received_at: datetime, options: DialectOptions) -> tuple[str, tuple[str, ...]]:
    if not text.strip():
        return as_threatq_time(received_at), ("alarm_date: empty; the time of receipt is taken instead",)
    try:
        return as_threatq_time(read_time(text, zone=options.zone)), ()
    except ValueError as error:
        raise InputError(
            f'"{text[:80]}" cannot be read as a time ({error}); in the AI Engine action, set the Time Format of '
            "the Alarm Date to yyyy-MM-dd HH:mm:ss",
            field="alarm_date",
        ) from error
