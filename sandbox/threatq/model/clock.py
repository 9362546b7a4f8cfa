"""Times as ThreatQ writes them, and as searches name them; seconds since 1970 inside."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import lru_cache

FORMAT = "%Y-%m-%d %H:%M:%S"

_NOW = re.compile(r"^now(?:-(\d{1,9})(second|minute|hour|day|week)s?)?$", re.IGNORECASE)

_WORDS = re.compile(r"^([+-]?)(\d{1,9}) (second|minute|hour|day|week|month|year)s?( ago)?$", re.IGNORECASE)

_DAY = 86_400

#: Seconds; a month is taken as 30 days and a year as 365.
_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": _DAY,
    "week": 7 * _DAY,
    "month": 30 * _DAY,
    "year": 365 * _DAY,
}


def now() -> int:
    """The present second."""
    return int(time.time())


@lru_cache(maxsize=65_536)
def text(moment: int | None) -> str | None:
    """`YYYY-MM-DD HH:MM:SS` in UTC."""
    return None if moment is None else time.strftime(FORMAT, time.gmtime(moment))


def parse(moment: str) -> int:
    """Seconds of `YYYY-MM-DD HH:MM:SS`; raises ValueError for any other form, ISO 8601 included."""
    return int(datetime.strptime(moment, FORMAT).replace(tzinfo=UTC).timestamp())


def moment(text: str, now: int, *, words: bool) -> int:
    """Seconds of a time in a search: `2024-03-01`, ISO 8601, `NOW-1DAY`; with `words` also `-30 days`, `1 day ago`.

    Raises ValueError.
    """
    solr = _NOW.match(text)
    if solr:
        return now - (int(solr[1]) * _UNITS[solr[2].lower()] if solr[1] else 0)
    laravel = _WORDS.match(text.strip()) if words else None
    if laravel:
        back = laravel[1] == "-" or laravel[4]
        return now + (-1 if back else 1) * int(laravel[2]) * _UNITS[laravel[3].lower()]
    when = datetime.fromisoformat(text)
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
