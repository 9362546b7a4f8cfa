"""One ThreatQ as a worker knows it: who calls it, what its names mean, and what it has proved to do."""

from __future__ import annotations

from workers.config import Settings
from workers.remote import Observer, observe_nothing
from workers.threatq.client import Caller, Client
from workers.threatq.lookups import Lookups


class ThreatQ:
    """Shared by all threads of a process.

    `inline` remembers, for each kind of relation, whether ThreatQ takes it inside a new event;
    `consumes_events` whether it has the bulk call for events at all. Both are found out by use.
    """

    def __init__(self, caller: Caller, settings: Settings, lookups: Lookups | None = None) -> None:
        self.caller = caller
        self.lookups = lookups or Lookups(caller)
        self.status = settings.threatq_status
        self.creates_event_types = settings.unknown_event_type == "create"
        self.inline: dict[str, bool] = {}
        self.consumes_events = True

    def link(self, collection: str, id_: int) -> str:
        """Return the address under which a browser shows an object."""
        return f"{self.caller.base}/{collection}/{id_}/details"


def connect(settings: Settings, *, observe: Observer = observe_nothing) -> ThreatQ:
    """Return the ThreatQ that the settings name; nothing is called yet. `observe` is told of each call."""
    return ThreatQ(Client.from_settings(settings, observe=observe), settings)
