"""What every payload needs: a readable title, a type and a time. All that a producer looks at before it accepts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from difflib import get_close_matches
from itertools import islice
from typing import Any

from workers.core.errors import InputError
from workers.core.times import as_threatq_time, read_time
from workers.payload.attributes import as_text

#: A time further ahead than this, or before 1990, is taken as it is, with a warning.
_AHEAD = timedelta(days=1)

_LINE_BREAKS = re.compile(r"[\t\r\n]+")


def check(payload: dict[str, Any], *, received_at: datetime, zone: tzinfo) -> tuple[str, Sequence[str]]:
    """Return the title, and the warnings about what no event can do without.

    Raises InputError, as making the plan would, for a payload without readable title, type or time.
    """
    title = required(payload, "event_name")
    required(payload, "event_type")
    return title, happened_at(payload, received_at=received_at, zone=zone)[1]


def required(payload: dict[str, Any], field: str) -> str:
    """Return a field that must hold a text, as one line."""
    if isinstance(payload.get(field), (bool, dict, list)):
        raise InputError("must be a text; send it as a JSON string", field=field)
    text = one_line(payload, field)
    if not text:
        raise InputError(f"is missing or empty; every event needs it{_nearly(payload, field)}", field=field)
    return text


def _nearly(payload: dict[str, Any], field: str) -> str:
    """Say which field of the payload is nearly `field`, as a slip in a flow makes them; "" for none."""
    others = {name[:40].casefold(): name[:40] for name in islice(payload, 200) if name != field}
    near = get_close_matches(field, others, n=1, cutoff=0.8)
    return f'; "{others[near[0]]}" is in the payload: is it meant?' if near else ""


def one_line(payload: dict[str, Any], field: str) -> str:
    """Return a field as one line of text."""
    text = as_text(payload.get(field)).strip()
    return text if text.isprintable() else _LINE_BREAKS.sub(" ", text)


def happened_at(
    payload: dict[str, Any], *, received_at: datetime, zone: tzinfo
) -> tuple[datetime, Sequence[str]]:
    """Return when the event happened, in UTC, and what is odd about it."""
    value = payload.get("event_happened_at")
    if value is None or (isinstance(value, str) and not value.strip()):
        return received_at, ["event_happened_at: missing; the time of receipt is taken instead"]
    try:
        moment = read_time(value, zone=zone)
    except ValueError as error:
        raise InputError(
            f'"{as_text(value)[:80]}" cannot be read as a time ({error}); '
            "send ISO 8601 such as 2021-10-05T19:01:02Z, or seconds or milliseconds since 1970",
            field="event_happened_at",
        ) from error
    if moment.year < 1990 or moment - _AHEAD > received_at:
        return moment, [f"event_happened_at: {as_threatq_time(moment)} is far from now; taken as it is"]
    return moment, ()
