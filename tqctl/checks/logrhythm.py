"""LogRhythm: is the token good and for how long, who owns our lists, which lists are ours?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from msgspec import structs

from tqctl.checks.line import CheckLine, failed, failed_with, ok, tried, warning
from tqctl.shell import lists_of, with_pages, with_short_timeouts
from workers.core.errors import TqError
from workers.core.text import age
from workers.listsync.plan.settings import collections_of
from workers.logrhythm.client import OWNER_RULE, LogRhythm
from workers.logrhythm.token import HOW_TO_RENEW
from workers.logrhythm.transport import RETRY
from workers.settings.loading import Loaded
from workers.settings.model import Settings
from workers.threatq.client import Client
from workers.threatq.collections import find_collection

AREA = "logrhythm"

#: Seconds before its end from which a token's end is a warning: a month to make a new one.
RENEW_WITHIN_S = 30 * 86_400.0

#: The role in a token that may change every list.
FULL_ROLE = "globalAdmin"


def check_logrhythm(loaded: Loaded) -> Iterator[CheckLine]:
    """Look at LogRhythm with calls that change nothing; its settings may be those of its page in ThreatQ."""
    seen, unread = _as_the_sync_sees(loaded)
    settings = with_short_timeouts(seen.settings)
    if unread and not settings.logrhythm_url:
        page = settings.logrhythm_connector_name
        yield warning(
            AREA,
            "setup",
            f"not known: logrhythm_url is not set here, and the page {page} in ThreatQ cannot be read ({unread})",
            "run this again once the lines about ThreatQ are ok",
        )
        return
    if not settings.logrhythm_url:
        wanted = settings.sync_collections.strip()
        text = "not configured" + ("" if wanted else ", and no list is to be synced")
        yield failed(AREA, "setup", text, "set logrhythm_url", code=2) if wanted else ok(AREA, "setup", text)
        return
    try:
        logrhythm = LogRhythm(settings, policy=structs.replace(RETRY, tries=1))
    except TqError as error:
        yield failed_with(AREA, "token", error)
        return
    try:
        yield token_line(logrhythm.token.seconds_left(time.time()))
        yield _destination(seen)
        login = tried(AREA, "login", logrhythm.permissions, settings.logrhythm_url)
        yield login
        if login.state == "ok":
            yield rights_line(logrhythm.token.rid)
            yield _owner(logrhythm, settings)
            yield _lists(logrhythm, settings)
    finally:
        logrhythm.close()
    yield from _collections(settings)


def _collections(settings: Settings) -> Iterator[CheckLine]:
    """Look each data collection up in ThreatQ by its name; one that is not shared looks like one that is not there."""
    if not settings.sync_collections.strip():
        return
    client = Client.from_settings(settings)
    try:
        for family in collections_of(settings):
            for collection in family.collections:
                finding = f"becomes the lists {family.base_name}…, split by {collection.split_by}"
                yield tried(
                    AREA,
                    f"collection {collection.name}",
                    partial(find_collection, client, collection.name),
                    finding,
                )
    except TqError as error:
        yield failed_with(AREA, "collections", error)
    finally:
        client.close()


def _as_the_sync_sees(loaded: Loaded) -> tuple[Loaded, str]:
    """Return the settings with what ThreatQ's pages say, and why those cannot be read, "" where they can."""
    try:
        return with_pages(loaded), ""
    except TqError as error:
        return loaded, str(error)


def token_line(left_s: float | None) -> CheckLine:
    """Judge the seconds that a token has left."""
    if left_s is None:
        return ok(AREA, "token", "never ends")
    if left_s <= 0:
        return failed(AREA, "token", f"ended {age(-left_s)} ago", HOW_TO_RENEW, code=2)
    if left_s < RENEW_WITHIN_S:
        return warning(AREA, "token", f"ends in {age(left_s)}", HOW_TO_RENEW)
    return ok(AREA, "token", f"good for {age(left_s)}")


def _destination(seen: Loaded) -> CheckLine:
    """Say where the token comes from and where it goes; a pair that is not allowed is a line about ThreatQ's page."""
    origins = seen.origins
    allowed = f"; the page may name {seen.settings.logrhythm_hosts}" if seen.settings.logrhythm_hosts else ""
    return ok(
        AREA,
        "token goes to",
        f"{seen.settings.logrhythm_url} ({origins['logrhythm_url']}); "
        f"the token is from {origins['logrhythm_token']}{allowed}",
    )


def rights_line(role: str) -> CheckLine:
    """Judge the role that a token names; "" if it names none."""
    if role in ("", FULL_ROLE):
        return ok(AREA, "rights", role or "the token names no role")
    return warning(
        AREA,
        "rights",
        f"the token is that of a {role}: LogRhythm may refuse to change lists",
        f"make the token as a Global Administrator ({FULL_ROLE}) in Deployment Manager > Third Party Applications",
    )


def _owner(logrhythm: LogRhythm, settings: Settings) -> CheckLine:
    """Look the owner up, and see whether LogRhythm would take that person."""
    text = settings.logrhythm_owner.strip() or "the token's user (logrhythm_owner is not set)"
    line = tried(AREA, "owner", partial(getattr, logrhythm, "owner"), text)
    if line.state == "ok" and logrhythm.person and (maker := logrhythm.person.strange_maker):
        finding = f'{text} belongs to {maker}: LogRhythm may answer "Invalid owner id" to every list'
        return warning(AREA, "owner", finding, OWNER_RULE)
    return line


def _lists(logrhythm: LogRhythm, settings: Settings) -> CheckLine:
    if not settings.sync_collections.strip():
        return ok(AREA, "lists", "none is to be synced (sync_collections is empty)")
    try:
        ours = [item for item in lists_of(settings, logrhythm.lists) if not item.is_retired]
    except TqError as error:
        return failed_with(AREA, "lists", error)
    entries = sum(summary.entry_count for summary in ours)
    return ok(AREA, "lists", f"{len(ours)} active ones of ours, {entries:,} entries")
