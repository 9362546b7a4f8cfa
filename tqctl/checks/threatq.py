"""ThreatQ: may we log in, does it know the names that we use, is the connector enabled, are the collections there?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tqctl.checks.line import CheckLine, failed, failed_with, ok, tried, warning
from tqctl.checks.pages import AREA, events_builder_lines, logrhythm_lines
from tqctl.shell import with_pages, with_short_timeouts
from workers.core.errors import MissingRights, TqError
from workers.indicators.known_good.configured import known_good_of
from workers.indicators.known_good.judge import KnownGood
from workers.indicators.types import INDICATOR_TYPES
from workers.listsync.plan.settings import collections_of, require_sync
from workers.payload.sightings import EVENT_TYPE
from workers.settings.loading import Loaded
from workers.settings.model import Settings, missing, threatq_needs
from workers.settings.page_fields import filled_in
from workers.settings.pages import EVENTS_BUILDER, with_page
from workers.threatq.client import Client
from workers.threatq.collections import find_collection
from workers.threatq.connector import Connector, ConnectorPage
from workers.threatq.own_assets import OwnAssets
from workers.threatq.service import ThreatQ
from workers.threatq.transport import skew_s

#: Seconds by which ThreatQ's clock may differ; its Date header has whole seconds.
MOST_SKEW_S = 5.0


def check_threatq(loaded: Loaded) -> Iterator[CheckLine]:
    """Look at ThreatQ with calls that change nothing."""
    settings = with_short_timeouts(loaded.settings)
    if missing(settings, threatq_needs(settings)):
        yield failed(AREA, "login", "not configured", "run tqctl setup", code=2)
        return
    client = Client.from_settings(settings)
    threatq = ThreatQ(client, settings)
    try:
        threatq.lookups.indicator_type_names()
        yield ok(AREA, "login", f"{settings.threatq_url}, client {settings.threatq_client_id[:8]}…")
    except MissingRights as error:
        yield failed_with(AREA, "rights", error, "give the account a role that may read and write objects")
        return
    except TqError as error:
        yield failed_with(AREA, "login", error)
        return
    try:
        yield from _names(threatq, settings)
        yield from _connector(client, settings)
        yield from _list_sync(client, loaded)
        yield _clock(settings)
    finally:
        client.close()


def _names(threatq: ThreatQ, settings: Settings) -> Iterator[CheckLine]:
    known = {name.casefold() for name in threatq.lookups.indicator_type_names()}
    absent = [name for name in INDICATOR_TYPES if name.casefold() not in known]
    if absent:
        yield warning(
            AREA,
            "indicator types",
            f"ThreatQ has no {', '.join(absent)}",
            "values of these types are left out of events; create the types if you need them",
        )
    else:
        yield ok(AREA, "indicator types", f"all {len(INDICATOR_TYPES)} are there")
    find_status = threatq.lookups.status
    yield tried(AREA, "status", partial(find_status, settings.threatq_status), settings.threatq_status)
    by_alarms = partial(find_status, settings.logrhythm_status, "logrhythm_status")
    yield tried(AREA, "status by LogRhythm", by_alarms, settings.logrhythm_status)
    if threatq.lookups.event_type(EVENT_TYPE) is None and settings.unknown_event_type == "reject":
        yield warning(AREA, "event type", f"there is no {EVENT_TYPE}", "create it in ThreatQ")
    else:
        yield ok(AREA, "event type", EVENT_TYPE)


def _connector(client: Client, settings: Settings) -> Iterator[CheckLine]:
    if settings.settings_from == "local":
        page = ConnectorPage(0, settings.connector_name, True, {})
        yield ok(AREA, "connector", "its page is not asked (settings_from is local)")
    else:
        try:
            existing = Connector(client, settings.connector_name).find()
        except TqError as error:
            yield failed_with(AREA, "connector", error)
            return
        page = existing or ConnectorPage(0, settings.connector_name, False, {})
        yield from events_builder_lines(page)
    try:
        seen = with_page(settings, page.fields)
    except TqError as error:
        yield failed_with(AREA, "private addresses", error)
        return
    source = "settings" if not filled_in(EVENTS_BUILDER, page.fields) else "the connector's page"
    yield tried(AREA, "private addresses", partial(_known_good, client, seen), f"can be read (from {source})")


def _known_good(client: Client, settings: Settings) -> KnownGood:
    """Read all that is kept out: private addresses, what is ours, known-good lists."""
    return known_good_of(settings, OwnAssets(settings.own_assets_collection).values(lambda: client))


def _list_sync(client: Client, loaded: Loaded) -> Iterator[CheckLine]:
    """Look at LogRhythm's page, and at the collections that the settings, the page's included, name."""
    try:
        page = _logrhythm_page(client, loaded.settings)
        if page is not None:
            yield from logrhythm_lines(page)
        settings = with_pages(loaded).settings
        if page is not None and page.is_enabled:
            require_sync(settings)
        wanted = collections_of(settings) if settings.sync_collections.strip() else ()
    except TqError as error:
        yield failed_with(AREA, "list sync", error)
        return
    if not wanted:
        yield ok(AREA, "collections", "none is to be synced (sync_collections is empty)")
    for name in (name for family in wanted for name in family.names):
        yield tried(AREA, "collection", partial(find_collection, client, name), name)


def _logrhythm_page(client: Client, settings: Settings) -> ConnectorPage | None:
    """Return LogRhythm's page, of number 0 if it is not registered; None where the settings are local."""
    if settings.settings_from == "local":
        return None
    name = settings.logrhythm_connector_name
    return Connector(client, name).find() or ConnectorPage(0, name, False, {})


def _clock(settings: Settings) -> CheckLine:
    ahead_s = skew_s(settings)
    if ahead_s is None:
        return ok(AREA, "clock", "ThreatQ does not tell its time")
    finding = f"{abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
    if abs(ahead_s) > MOST_SKEW_S:
        return warning(AREA, "clock", finding, "set both by NTP; sightings get wrong times")
    return ok(AREA, "clock", finding)
