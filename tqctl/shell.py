"""What every command of `tqctl` shares: -c and --json, the settings, the ledger, and how results are shown.

For commands about lists: ours among LogRhythm's, and the settings as the connectors' pages in ThreatQ have them now.
"""

from __future__ import annotations

import json
import re
import time
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from msgspec import structs

from producers.cli.console import note
from producers.cli.tables import Shown, show_all
from workers.core.user import user_at_host
from workers.ledger.acts import Actor
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger, open_ledger
from workers.ledger.sealing import use_keys
from workers.listsync.plan.settings import collections_of, types_of
from workers.logrhythm.lists import Lists
from workers.logrhythm.model import ListSummary
from workers.settings.loading import Loaded, load
from workers.settings.model import Settings, missing, threatq_needs
from workers.settings.page_fields import PageField, filled_in
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM, with_logrhythm_page, with_page
from workers.threatq.client import Client
from workers.threatq.connector import Connector

#: Seconds that Redis may take to answer a person at a terminal.
ANSWER_TIMEOUT_S = 3.0

T = TypeVar("T")

#: Fields of a page that are part of a setting of another name.
_PART_OF = {"logrhythm_host": "logrhythm_url", "logrhythm_port": "logrhythm_url"}

#: Lays what a page says over settings.
Overlay = Callable[[Settings, Mapping[str, str]], Settings]

#: A span of time as it is typed, and the seconds of its units.
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

#: Seconds to connect to a service, and to wait for one answer.
CONNECT_S, ANSWER_S = 2.0, 4.0


def above_zero(text: str) -> int:
    """Read how many are wanted, one at least; raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def point(text: str) -> float:
    """Read a point in time: how long ago, or a date; returns ms. Raises ArgumentTypeError."""
    span = _SPAN.fullmatch(text.strip().lower())
    if span:
        return (time.time() - float(span[1]) * _SECONDS[span[2]]) * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no time; write 30m, 2h, 7d or 2026-03-01T12:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000


def options_of_all(*, top: bool = False) -> ArgumentParser:
    """Return the options that may stand before and after a command's name (`top`: before)."""
    options = ArgumentParser(add_help=False)
    add = options.add_argument
    add(
        "-c",
        "--config",
        metavar="FOLDER",
        default=None if top else SUPPRESS,
        help="folder of tq.yaml (default: TQ_CONFIG, else the current one)",
    )
    add(
        "--json",
        action="store_true",
        default=False if top else SUPPRESS,
        help="print JSON for programs",
    )
    return options


class Shell:
    """One run of a command: what it needs is made when it is first used."""

    def __init__(self, config: str | None = None, *, as_json: bool = False) -> None:
        self.config = config
        self.as_json = as_json

    @cached_property
    def loaded(self) -> Loaded:
        """The settings with their origins; raises ConfigError."""
        loaded = load(self.config)
        for warning in loaded.warnings:
            note(f"warning: {warning}")
        if self.config and not loaded.has_file:
            note(f"warning: there is no {loaded.path}; the environment and the defaults count")
        return loaded

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.loaded.settings

    @cached_property
    def admin(self) -> LedgerAdmin:
        """The operator's side of the ledger, with a person's patience."""
        use_keys(self.settings.encryption_keys_file)
        return LedgerAdmin(self.audit.redis, self.audit)

    @cached_property
    def audit(self) -> Audit:
        """The audit trail, for what the user of this command does."""
        redis = connect(self.settings.redis_url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0)
        return Audit.of(redis, self.settings, Actor(user_at_host(), "tqctl"))

    @cached_property
    def ledger(self) -> Ledger:
        """The workers' side of the ledger."""
        return open_ledger(self.admin.redis, self.settings)

    def show(self, value: T, words: Callable[[T], Iterable[Shown]]) -> None:
        """Print `value`, which is made of what JSON knows, as JSON; or for a person what `words` makes of it."""
        if self.as_json:
            print(json.dumps(value, indent=2))
        else:
            show_all(words(value))


def columns_of(value: dict[str, Any], *names: str) -> list[str]:
    """Return the values of `names` as texts; what is None or absent is empty."""
    return ["" if value.get(name) is None else str(value[name]) for name in names]


def lists_of(settings: Settings, lists: Lists) -> list[ListSummary]:
    """Return those of `lists` that have a name of a configured family, retired ones too."""
    types = types_of(settings)
    summaries: list[ListSummary] = []
    for collection in collections_of(settings):
        summaries += lists.named(collection.lists(types), common=collection.base_name).values()
    return sorted(summaries, key=lambda summary: summary.name)


def with_pages(loaded: Loaded) -> Loaded:
    """Return the settings and origins as workers see them, pages of ThreatQ included.

    Where the settings are local, or ThreatQ is not configured, nothing is asked. Raises ConfigError and
    ServiceAway.
    """
    settings = loaded.settings
    if settings.settings_from == "local" or missing(settings, threatq_needs(settings)):
        return loaded
    client = Client.from_settings(with_short_timeouts(settings))
    try:
        for name, fields, overlay in _pages(settings):
            page = Connector(client, name).find()
            if page is not None:
                loaded = _laid_over(loaded, f"page {name} in ThreatQ", page.fields, fields, overlay)
    finally:
        client.close()
    return loaded


def _pages(settings: Settings) -> Iterator[tuple[str, Sequence[PageField], Overlay]]:
    yield settings.connector_name, EVENTS_BUILDER, with_page
    yield settings.logrhythm_connector_name, LOGRHYTHM, with_logrhythm_page


def _laid_over(
    loaded: Loaded, origin: str, shown: Mapping[str, str], fields: Sequence[PageField], overlay: Overlay
) -> Loaded:
    names = filled_in(fields, shown)
    origins = {_PART_OF.get(name, name): origin for name in names}
    if "logrhythm_host" not in names:
        # A port alone changes nothing.
        origins.pop("logrhythm_url", None)
    return structs.replace(
        loaded, settings=overlay(loaded.settings, shown), origins={**loaded.origins, **origins}
    )


def with_short_timeouts(settings: Settings) -> Settings:
    """Return settings under which ThreatQ and LogRhythm have to answer soon."""
    return structs.replace(
        settings,
        threatq_connect_timeout_s=min(CONNECT_S, settings.threatq_connect_timeout_s),
        threatq_read_timeout_s=min(ANSWER_S, settings.threatq_read_timeout_s),
        logrhythm_connect_timeout_s=min(CONNECT_S, settings.logrhythm_connect_timeout_s),
        logrhythm_read_timeout_s=min(ANSWER_S, settings.logrhythm_read_timeout_s),
    )
