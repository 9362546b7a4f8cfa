"""What ThreatQ's times mean: the one place that knows which of them move when an indicator changes.

No public source says whether a new score, tag or attribute moves `updated_at` or `touched_at`, so both are asked for.
What moves neither, as a hard delete does, shows in the total alone; a change that leaves the total as it was is found
by the next full run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from workers.threatq.client import Caller
from workers.threatq.collections import Collection

#: The times of an indicator, of which at least one moves whenever it changes.
MOVES = ("updated_at", "touched_at")

#: All indicators of ThreatQ.
EVERYTHING = Collection("", {"criteria": {}, "filters": {}})

#: A date that stays what it is; any other, such as NOW-30DAYS or "1 day ago", is another one each day.
_FIXED_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@runtime_checkable
class _Clocked(Protocol):
    """A caller that knows what time it is at ThreatQ."""

    @property
    def server_time(self) -> float | None:
        """What the last answer said."""


def server_time(caller: Caller) -> float | None:
    """Return the time of ThreatQ's last answer by its own clock, in seconds; None where it does not tell."""
    return caller.server_time if isinstance(caller, _Clocked) else None


def changed_since(collection: Collection, moment_s: float) -> Collection:
    """Return the part of a collection that has changed since a moment of ThreatQ's clock, in seconds."""
    text = _text(moment_s)
    return narrowed(collection, {"+or": [{name: {"+gt": text}} for name in MOVES]})


def created_between(collection: Collection, since_s: int | None, until_s: int | None) -> Collection:
    """Return the part of a collection that was created from one second on and before another, None being no limit."""
    limits = {"+gte": since_s, "+lt": until_s}
    given = {how: _text(second) for how, second in limits.items() if second is not None}
    return narrowed(collection, {"created_at": given}) if given else collection


def narrowed(collection: Collection, condition: dict[str, Any]) -> Collection:
    """Return the part of a collection that meets one more condition."""
    filters = collection.query.get("filters")
    both = {"+and": [filters, condition]} if filters else condition
    return Collection(collection.name, {**collection.query, "filters": both})


def moves_by_itself(collection: Collection) -> bool:
    """Tell whether time alone changes what a collection holds: its query names a date relative to now."""
    return not all(_FIXED_DATE.match(text) for text in _dates(collection.query))


def query_text(collection: Collection) -> str:
    """Return the query as a text that is the same for the same query."""
    return msgspec.json.encode(collection.query, order="deterministic").decode()


def seconds(text: str) -> int | None:
    """Return a time of ThreatQ, UTC if it does not say otherwise, in seconds; None where it cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _text(moment_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment_s))


def _dates(value: object, *, is_date: bool = False) -> Iterator[str]:
    """Yield the texts that a query compares times with."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _dates(item, is_date=is_date or key.endswith("_at"))
    elif isinstance(value, list):
        for item in value:
            yield from _dates(item, is_date=is_date)
    elif is_date:
        yield str(value)
