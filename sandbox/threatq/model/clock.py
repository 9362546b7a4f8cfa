"""Times as ThreatQ writes them; seconds since 1970 inside."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

FORMAT = "%Y-%m-%d %H:%M:%S"


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
