"""What a run needs of the process that it is done in."""

from __future__ import annotations

import threading
from typing import Protocol

from workers.ledger.audit import Audit
from workers.ledger.client import RedisClient
from workers.ledger.ledger import Ledger
from workers.logrhythm.client import LogRhythm
from workers.settings.model import Settings
from workers.threatq.service import ThreatQ


class SyncContext(Protocol):
    """The services and settings of one process; a worker's runtime, or that of a command with --inline."""

    settings: Settings
    redis: RedisClient
    audit: Audit
    ledger: Ledger
    #: Held by the thread that helps with syncs of other workers: more would only share its processor time.
    sync_helper: threading.Lock
    #: The syncs that this process plans or writes now.
    own_syncs: set[str]
    #: The settings of the sync as they were read last, while the pages in ThreatQ cannot be read.
    last_sync_settings: Settings | None

    @property
    def threatq(self) -> ThreatQ:
        """ThreatQ; raises ConfigError when the settings do not say how to reach it."""

    def sync_settings(self) -> Settings | None:
        """Return the settings as LogRhythm's page has them now; None while it is disabled or not registered."""

    def collected_assets(self) -> tuple[str, ...]:
        """Return what is ours by a data collection of ThreatQ (own_assets_collection)."""

    def logrhythm(self, settings: Settings) -> LogRhythm:
        """Return the LogRhythm that `settings` name."""
