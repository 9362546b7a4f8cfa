"""What one worker process holds: the settings, the ledger, its leases and the clients, each made once."""

from __future__ import annotations

from functools import cached_property, lru_cache

from redis import Redis

from workers.config import Settings, load
from workers.leases import Leases
from workers.ledger.connect import connect
from workers.ledger.ledger import Ledger
from workers.payload.options import DialectOptions, from_settings
from workers.threatq.service import ThreatQ
from workers.threatq.service import connect as connect_threatq

#: Seconds in a day.
DAY_S = 86_400


class Runtime:
    """Made once a process from the settings; the clients are made when they are first used."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def redis(self) -> Redis:
        """The ledger's Redis."""
        return connect(self.settings.redis_url)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(
            self.redis,
            lease_s=self.settings.lease_s,
            keep_done_s=self.settings.keep_done_days * DAY_S,
            most_open=self.settings.max_open_jobs,
        )

    @cached_property
    def leases(self) -> Leases:
        """The leases that this process holds."""
        return Leases(self.ledger)

    @cached_property
    def threatq(self) -> ThreatQ:
        """ThreatQ, with its connections, its token and what its names mean."""
        return connect_threatq(self.settings)

    @cached_property
    def dialect(self) -> DialectOptions:
        """How payloads and alarms are read; raises ConfigError for private addresses or a zone that cannot be."""
        return from_settings(self.settings)


@lru_cache(maxsize=1)
def runtime() -> Runtime:
    """Return this process's runtime; raises ConfigError when the settings cannot be read."""
    return Runtime(load().settings)
