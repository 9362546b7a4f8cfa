"""How the simulated ThreatQ behaves: where installations differ, which faults are on, and which calls came in."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, deque
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from sandbox.threatq.model.defaults import IdLayout

#: How many calls the list of recent ones keeps.
RECENT = 200

_ID = re.compile(r"/\d+(?=/|$)")

_HASH = re.compile(r"/[0-9a-f]{32}(?=/|$)")

#: latency: wait `ms` plus up to `jitter_ms`. rate_limit: 429. error: `status`. drop_before, drop_after: close the
#: connection before the work, or after it was committed. hang: no answer until released or `seconds` have
#: passed, then the connection closes. hang_after: the same after the work was committed. bare: 200 with `{}`, as
#: without the right. unauthorized: 401.
FaultKind = Literal[
    "latency",
    "rate_limit",
    "error",
    "drop_before",
    "drop_after",
    "hang",
    "hang_after",
    "bare",
    "unauthorized",
]


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switches that stay until changed or reset; `/sandbox/behaviour` reads and changes them.

    id_layout: ids of types and event types; takes effect with a reset.
    event_key: what makes two events one; "none" makes a new event each time. Not known of the real one.
    bulk_errors: a bad item in a list is told in its place in a 2xx answer ("item"), refuses the whole
        request with a 400 ("request"), or does so with a 201 that carries `errors` ("errors").
    error_shape: "fields" is `{"data": {"errors": {field: [...]}}}`, "list" is `{"errors": [...]}`.
    poison: patterns (`*`, `?`) of values, titles and names that are refused as invalid.
    fatal: patterns of those on which it fails inside (500), and whatever comes in the same request with them.
    strip_scheme: when a URL loses its scheme: with `normalize: "Y"`, always or never.
    rows_2026: library rows leave out attributes and sources unless `fields` asks for them.
    empty_page_object: an empty library page answers `"data": {}` instead of `[]`.
    index_lag_s: how long a new object is missing from library queries.
    relation_cap: relations that one object takes; further ones are dropped.
    expires_in: life of an access token in seconds.
    new_score: the generated score of a new indicator; null leaves it without one.
    score_moves: which of its times a new score of an indicator moves. Not known of the real one.
    comma_is_or: a comma in the value of a plain search stands for "or"; else it is a part of the text.
    search_json: saved searches carry their query as an object or as a string.
    with_underscores: `with=` also takes two words with an underscore, which are a server error on some versions.
    connector_flags: whether a connector is enabled is told as true and false, or as the texts "1" and "".
    connector_fields: how a connector's settings are sent: our names to values, the labels of its page to values, or a
        list of fields that carry label and value. Not known of the real one.
    client_grant: where the grant of client credentials is looked for: everywhere, or in the query or a form alone.
    guessed_filters: library queries take what customers' searches hold in a spelling that was not seen: filters on
        attributes, adversaries, tlp and tags, and times in words (`-30 days`); else they are refused.
    inclusive_times: library queries compare times with `+gte` and `+lte` too; public clients show `+gt` and `+lt`.
    """

    id_layout: IdLayout = "first"
    event_key: Literal["title+type+happened_at", "none"] = "title+type+happened_at"
    bulk_errors: Literal["item", "request", "errors"] = "item"
    error_shape: Literal["fields", "list"] = "fields"
    poison: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    strip_scheme: Literal["normalize", "always", "never"] = "normalize"
    rows_2026: bool = False
    empty_page_object: bool = False
    index_lag_s: float = 0
    relation_cap: int = 10_000
    expires_in: float = 3600
    new_score: float | None = 0
    search_json: Literal["object", "string"] = "object"
    score_moves: Literal["updated_at", "touched_at", "neither"] = "updated_at"
    comma_is_or: bool = True
    guessed_filters: bool = True
    inclusive_times: bool = True
    with_underscores: bool = False
    connector_flags: Literal["json", "text"] = "json"
    connector_fields: Literal["names", "labels", "list"] = "names"
    client_grant: Literal["everywhere", "query", "form"] = "everywhere"


def changed(behaviour: Behaviour, changes: object) -> Behaviour:
    """The behaviour with some switches set anew; raises msgspec.ValidationError for what is not a switch."""
    fresh = msgspec.convert(changes, Behaviour)
    if not isinstance(changes, dict):
        raise msgspec.ValidationError("a JSON object with switches is needed")
    return msgspec.structs.replace(behaviour, **{name: getattr(fresh, name) for name in changes})


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


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """A fault and the calls that it strikes.

    `method` and `path` are patterns with `*`; `next` is how many more calls it strikes (None: no end);
    `ratio` the share of the matching calls. `retry_after` goes into the header as it stands.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "/api/*"
    next: int | None = None
    ratio: float = 1.0
    status: int = 503
    retry_after: int | str | None = None
    ms: float = 0
    jitter_ms: float = 0
    seconds: float = 600
    id: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether a call is among those that this fault is for."""
        return fnmatchcase(method, self.method) and fnmatchcase(path, self.path)


class Faults:
    """The faults that are on, by id."""

    def __init__(self, chance: random.Random) -> None:
        self.reset(chance)

    def reset(self, chance: random.Random) -> None:
        """Switch everything off and answer the requests that hang."""
        self.on: dict[int, Fault] = {}
        self._chance = chance
        self._last_id = 0
        self._waiting: set[asyncio.Event] = getattr(self, "_waiting", set())
        self.release()

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on; it gets an id."""
        self._last_id += 1
        fault.id = self._last_id
        self.on[fault.id] = fault
        return fault

    def remove(self, id: int | None = None) -> None:
        """Switch one fault off, or all, and answer the requests that hang."""
        if id is None:
            self.on.clear()
        self.on.pop(id or 0, None)
        self.release()

    def strike(self, method: str, path: str) -> list[Fault]:
        """The faults that this call meets, oldest first; counts those that are for a number of calls."""
        struck: list[Fault] = []
        for fault in self.on.values():
            # One end for a call; the next fault of a row waits for the next call.
            ended = fault.kind != "latency" and any(other.kind != "latency" for other in struck)
            if not ended and fault.matches(method, path) and self._hits(fault):
                struck.append(fault)
        for fault in struck:
            if fault.next is not None:
                fault.next -= 1
                if fault.next <= 0:
                    del self.on[fault.id]
        return struck

    def delay_s(self, fault: Fault) -> float:
        """How long a latency fault holds a call."""
        return (fault.ms + self._chance.random() * fault.jitter_ms) / 1000

    async def hang(self, fault: Fault) -> None:
        """Wait until released or for as long as the fault lasts."""
        released = asyncio.Event()
        self._waiting.add(released)
        try:
            async with asyncio.timeout(fault.seconds):
                await released.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(released)

    def release(self) -> None:
        """Let go of every call that hangs; its connection closes without an answer."""
        for released in self._waiting:
            released.set()

    def _hits(self, fault: Fault) -> bool:
        return fault.ratio >= 1 or self._chance.random() < fault.ratio
