"""What one worker process holds: the settings, the ledger, its leases and the clients, each made once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property, lru_cache, partial

from workers.core.user import user_at_host
from workers.leases import Leases
from workers.ledger.acts import Actor
from workers.ledger.audit import Audit
from workers.ledger.audit_settings import SettingsTrail
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect
from workers.ledger.groups import Groups
from workers.ledger.ledger import open_ledger
from workers.ledger.locks import turn
from workers.ledger.told_assets import tell_assets
from workers.logrhythm.client import LogRhythm
from workers.payload.options import DialectOptions
from workers.payload.options import from_settings as dialect_from
from workers.settings.loading import load
from workers.settings.model import Secret, Settings, fields, require, threatq_needs
from workers.settings.page_fields import PageField, read_page
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM, with_logrhythm_page, with_page
from workers.telemetry.exporter import Telemetry
from workers.telemetry.job_log import EVERY_JOB, LINES_A_MINUTE, JobLog
from workers.telemetry.otlp import exporter_of
from workers.telemetry.sign_of_life import SignOfLife
from workers.telemetry.traces import Tracer
from workers.threatq.connector import Connector, ConnectorPage
from workers.threatq.own_assets import OwnAssets
from workers.threatq.service import ThreatQ
from workers.threatq.service import connect as connect_threatq

#: Seconds for which LogRhythm's page is believed: the job that hands a sync out and those that it makes read it once.
#: No longer, as an administrator who changes it and starts a sync expects that to count.
SYNC_PAGE_S = 2.0


class Runtime:
    """Made once a process from the settings; the clients of ThreatQ and LogRhythm are made when first used.

    `leases` are those that this process holds, `telemetry` is what it measures of its work, `job_log` what it says of
    it. Nothing is called yet. `redis` is for one whose patience with Redis is less than a worker's.
    Raises ConfigError for a Redis URL that cannot be read.
    """

    def __init__(self, settings: Settings, redis: RedisClient | None = None) -> None:
        self.settings = settings
        # Made here and not when first used: several threads may be the first, and each would make its own.
        self.redis = redis or connect(settings.redis_url)
        self.ledger = open_ledger(self.redis, settings)
        self.groups = Groups(self.redis, settings)
        self.leases = Leases(self.ledger)
        self.audit = Audit.of(self.redis, settings, Actor(user_at_host(), "worker"))
        self.page_changes = SettingsTrail(self.audit.by(Actor("an administrator", "ThreatQ")))
        self.telemetry = Telemetry()
        self.job_log = JobLog(lines_a_minute=EVERY_JOB if settings.log_verbosity == 3 else LINES_A_MINUTE)
        self.sign_of_life = SignOfLife(settings.redis_url, self.leases.in_hand)
        spans = exporter_of(settings, "worker")
        self.spans, self.tracer = spans, Tracer(spans) if spans else None
        #: Held by the thread that helps with syncs of other workers: more would only share its processor time.
        self.sync_helper = threading.Lock()
        #: The syncs that this process plans or writes now.
        self.own_syncs: set[str] = set()
        #: The settings of the sync as they were read last, while the pages in ThreatQ cannot be read.
        self.last_sync_settings: Settings | None = None
        self._own_assets = OwnAssets(settings.own_assets_collection, tell=partial(tell_assets, self.redis))
        self._lock = threading.Lock()
        self._logrhythm: tuple[dict[str, object], LogRhythm] | None = None

    @cached_property
    def threatq(self) -> ThreatQ:
        """ThreatQ; raises ConfigError when the settings do not say how to reach it."""
        require(self.settings, *threatq_needs(self.settings))
        return connect_threatq(self.settings, observe=self.telemetry.calls_to("threatq"))

    @cached_property
    def events_connector(self) -> Connector:
        """The Events Builder's page in ThreatQ's UI."""
        return Connector(self.threatq.caller, self.settings.connector_name)

    @cached_property
    def _sync_connector(self) -> Connector:
        """LogRhythm's page in ThreatQ's UI."""
        return Connector(self.threatq.caller, self.settings.logrhythm_connector_name, ttl_s=SYNC_PAGE_S)

    def page(self) -> ConnectorPage:
        """Return what the Events Builder's page in ThreatQ says now.

        Where the settings alone count, it is enabled and says nothing; one that was never registered is
        disabled.
        """
        name = self.settings.connector_name
        if self.settings.settings_from == "local":
            return ConnectorPage(0, name, True, {})
        page = self.events_connector.find() or ConnectorPage(0, name, False, {})
        self._note(page, EVENTS_BUILDER)
        return page

    def dialect(self, page: ConnectorPage | None = None) -> DialectOptions:
        """Return how payloads, alarms and values are read, private addresses above all, as `page` says or that of now.

        Raises ConfigError for a setting that cannot be read: better nothing is done than that a private
        address gets through.
        """
        settings = with_page(self.settings, (page or self.page()).fields)
        return dialect_from(settings, self.collected_assets())

    def collected_assets(self) -> tuple[str, ...]:
        """Return what is ours by a data collection of ThreatQ (own_assets_collection)."""
        return self._own_assets.values(lambda: self.threatq.caller)

    def sync_settings(self) -> Settings | None:
        """Return the settings as LogRhythm's page has them now; None while it is disabled or not registered."""
        if self.settings.settings_from == "local":
            return self.settings
        page = self._sync_connector.find()
        if page:
            self._note(page, LOGRHYTHM)
        if not page or not page.is_enabled:
            return None
        # Private IPs stand on the other page, and keep out of lists, too.
        shown = with_logrhythm_page(with_page(self.settings, self.page().fields), page.fields)
        self.last_sync_settings = shown
        return shown

    def _note(self, page: ConnectorPage, shown: Sequence[PageField]) -> None:
        """Let the audit trail know what a page in ThreatQ says, where that has changed."""
        values = dict.fromkeys((field.name for field in shown), "") | read_page(shown, page.fields)
        secrets = {field.name: Secret(values[field.name]) for field in shown if field.kind == "password"}
        enabled = str(page.is_enabled).lower()
        self.page_changes.note(f"page {page.name}", {"enabled": enabled, **values, **secrets})

    def logrhythm(self, settings: Settings) -> LogRhythm:
        """Return the LogRhythm that `settings` name: the one that was used last, unless they have changed."""
        wanted = {name: getattr(settings, name) for name in fields() if name.startswith("logrhythm_")}
        with self._lock:
            if self._logrhythm is None or self._logrhythm[0] != wanted:
                url = settings.logrhythm_url
                observe = self.telemetry.calls_to("logrhythm")
                its_turn = partial(turn, self.redis, url, settings.lease_s)
                self._logrhythm = (wanted, LogRhythm(settings, turn=its_turn, observe=observe))
            return self._logrhythm[1]


@lru_cache(maxsize=1)
def runtime() -> Runtime:
    """Return this process's runtime; raises ConfigError when the settings cannot be read."""
    return Runtime(load().settings)


#: Set when this worker was told to stop: what it holds is finished, nothing more is claimed.
stopping = threading.Event()
