"""One ThreatQ as a worker knows it: its client, what its names mean, and what it has proved to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property

from workers.core.errors import ConfigError, MissingRights
from workers.core.http_session import Observer, observe_nothing, undisturbed
from workers.settings.model import Settings
from workers.threatq.client import Caller, Client, Json, pages, row_id, rows
from workers.threatq.errors import ServiceRefusal
from workers.threatq.score_bands import ScoreBands, bands_of

#: Seconds for which a table of names is used before it is read again.
TTL_S = 3_600.0

#: Seconds that must pass before an unknown name makes us read the table again.
MISS_S = 15.0

#: Rows asked for at once; the largest tables have about fifty.
PAGE_SIZE = 500

#: The asset's endpoint where the list of objects does not say (a guess: it is absent from the public tables).
ASSET_COLLECTION = "asset"

Clock = Callable[[], float]


class ThreatQ:
    """Shared by all threads of a process.

    `inline` remembers, for each kind of relation, whether ThreatQ takes it inside a new event;
    `consumes_events` whether it has the bulk call for events at all; `joins_titles` whether one search finds the
    events of several titles, None while that is not known. All are found out by use.
    """

    def __init__(self, caller: Caller, settings: Settings, lookups: Lookups | None = None) -> None:
        self.caller = caller
        self.lookups = lookups or Lookups(caller)
        self.status = settings.threatq_status
        self.logrhythm_status = settings.logrhythm_status
        self.creates_event_types = settings.unknown_event_type == "create"
        self.inline: dict[str, bool] = {}
        self.consumes_events = True
        self.joins_titles: bool | None = None
        self._settings = settings

    @cached_property
    def bands(self) -> ScoreBands:
        """How this ThreatQ sorts its scores; raises ConfigError where the setting cannot be read."""
        return bands_of(self._settings)

    def link(self, collection: str, id_: int) -> str:
        """Return the address under which a browser shows an object."""
        return object_page(self.caller.base, collection, id_)


def object_page(base: str, collection: str, id_: int | str) -> str:
    """Return the address under which a browser shows an object of the ThreatQ at `base`."""
    return f"{base}/{collection}/{id_}/details"


def connect(settings: Settings, *, observe: Observer = observe_nothing) -> ThreatQ:
    """Return the ThreatQ that the settings name; nothing is called yet. `observe` is told of each call."""
    return ThreatQ(Client.from_settings(settings, observe=observe), settings)


class Table:
    """One list of names, read when first needed, again when old, and when a name is missing."""

    def __init__(self, caller: Caller, path: str, what: str, clock: Clock) -> None:
        self._caller, self._path, self._what, self._clock = caller, path, what, clock
        self._lock = threading.Lock()
        self._rows: dict[str, Json] = {}
        self._read_at: float | None = None

    def find(self, name: str, *, miss_s: float = MISS_S) -> Json | None:
        """Return the row of this name, whatever its case, or None; a table of `miss_s` is read again before that."""
        with self._lock:
            if self._age() >= TTL_S:
                self._read()
            row = self._rows.get(name.casefold())
            if row is None and self._age() >= miss_s:
                self._read()
                row = self._rows.get(name.casefold())
            return row

    def names(self, *, within_s: float = TTL_S) -> list[str]:
        """Return every name, as ThreatQ spells it; a table that is older than `within_s` is read again."""
        with self._lock:
            if self._age() >= within_s:
                self._read()
            return sorted(str(row["name"]) for row in self._rows.values())

    def add(self, row: Json) -> None:
        """Remember a row that has just been created."""
        with self._lock:
            self._rows[str(row["name"]).casefold()] = row

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._clock() - self._read_at

    def _read(self) -> None:
        with undisturbed():
            entries = [row for page in pages(self._caller, self._path, {}, size=PAGE_SIZE) for row in page]
        self._rows = {str(row["name"]).casefold(): row for row in entries if "name" in row and "id" in row}
        if not self._rows:
            # ThreatQ answers a bare {} where the account lacks the right (Polarity).
            raise MissingRights(f"ThreatQ shows no {self._what}; give the account the right to read them")
        self._read_at = self._clock()


class Lookups:
    """The names that this ThreatQ knows, to ids: indicator types and statuses, event types, object kinds.

    They differ between installations (Polarity, FortiSOAR).
    """

    def __init__(self, caller: Caller, *, clock: Clock = time.monotonic) -> None:
        self._caller = caller
        self._types = Table(caller, "/api/indicator/types", "indicator types", clock)
        self._statuses = Table(caller, "/api/indicator/statuses", "indicator statuses", clock)
        self._event_types = Table(caller, "/api/event/types", "event types", clock)
        self._asset: str | None = None

    def indicator_type(self, name: str) -> int | None:
        """Return the id of an indicator type, or None if this ThreatQ has none of that name."""
        return _id(self._types.find(name))

    def indicator_type_names(self, *, within_s: float = TTL_S) -> list[str]:
        """Return every indicator type of this ThreatQ, as it was `within_s` seconds ago or later."""
        return self._types.names(within_s=within_s)

    def status(self, name: str, field: str = "threatq_status") -> int:
        """Return the id of an indicator status; raises ConfigError that lists the known ones and blames `field`."""
        status_id = _id(self._statuses.find(name))
        if status_id is None:
            known = ", ".join(self._statuses.names())
            raise ConfigError(f"ThreatQ has no indicator status {name!r}; it has {known}", field=field)
        return status_id

    def event_type(self, name: str) -> int | None:
        """Return the id of an event type, or None."""
        return _id(self._event_types.find(name))

    def event_type_names(self, *, within_s: float = TTL_S) -> list[str]:
        """Return every event type of this ThreatQ, as it was `within_s` seconds ago or later."""
        return self._event_types.names(within_s=within_s)

    def create_event_type(self, name: str) -> int:
        """Create an event type and return its id (POST /api/event/types, SPL2)."""
        try:
            created = rows(self._caller.call("POST", "/api/event/types", json={"name": name}))
        except ServiceRefusal:
            # Another worker may have made it since we looked.
            type_id = _id(self._event_types.find(name, miss_s=0))
            if type_id is None:
                raise
            return type_id
        row = next((row for row in created if "id" in row), None)
        if row is None:
            raise MissingRights(f"ThreatQ did not create the event type {name!r}; create it in ThreatQ")
        self._event_types.add({"name": name, **row})
        return row_id(row)

    def asset_collection(self) -> str:
        """Return the endpoint of assets, from GET /api/objects by display name, else the usual one."""
        if self._asset is None:
            kinds = rows(self._caller.call("GET", "/api/objects"))
            self._asset = next(filter(None, map(_asset_endpoint, kinds)), ASSET_COLLECTION)
        return self._asset


def _asset_endpoint(kind: Json) -> str:
    called = {str(kind.get(key, "")).casefold() for key in ("display_name", "name", "display_name_plural")}
    return str(kind.get("collection") or kind.get("name") or "") if called & {"asset", "assets"} else ""


def _id(row: Json | None) -> int | None:
    return None if row is None else row_id(row)
