"""Counts the calls by method and route, for benchmarks and for people."""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import Any

#: How many calls the list of recent ones keeps.
RECENT = 200

_ID = re.compile(r"/\d+(?=/|$)")
_HASH = re.compile(r"/[0-9a-f]{32}(?=/|$)")


class CallCounter:
    """What was called how often and how it was answered; status 0: closed without an answer."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[int] = Counter()
        self.recent: deque[dict[str, Any]] = deque(maxlen=RECENT)

    def add(self, method: str, path: str, status: int) -> None:
        """Count one call."""
        self.by_route[route(method, path)] += 1
        self.by_status[status] += 1
        self.recent.append({"method": method, "path": path, "status": status})

    def report(self) -> dict[str, Any]:
        """The counters as JSON."""
        by_status = {str(status): count for status, count in self.by_status.items()}
        total = sum(self.by_route.values())
        return {
            "total": total,
            "by_route": dict(self.by_route),
            "by_status": by_status,
            "recent": list(self.recent),
        }


def route(method: str, path: str) -> str:
    """`PUT /api/indicators/{id}` for a call of indicator 71."""
    return f"{method} {_HASH.sub('/{hash}', _ID.sub('/{id}', path))}"
