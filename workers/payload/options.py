"""What of the settings matters to the dialect."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.indicators.known_good.configured import known_good_of
from workers.indicators.known_good.judge import KnownGood
from workers.payload.grouping import Grouping, grouping_of
from workers.settings.model import Settings

#: Keeps nothing out.
NOTHING_KNOWN = KnownGood()


class DialectOptions(Struct, frozen=True):
    """How a payload is read: what is kept out and what becomes of it, zone, name, room, mappings; what is one event.

    `overrule`: a sender may have a known-good value kept as an indicator. `own_fields` are the alarm fields whose
    values are ours.
    """

    known_good: KnownGood = NOTHING_KNOWN
    private_become: Literal["asset", "attribute", "drop"] = "asset"
    overrule: bool = False
    own_fields: frozenset[str] = frozenset()
    zone: tzinfo = UTC
    default_source: str = "Events Builder"
    max_description_chars: int = 65_500
    grouping: Grouping = Grouping()
    mappings_dir: str = ""


def from_settings(settings: Settings, collected: tuple[str, ...] = ()) -> DialectOptions:
    """Take the dialect's options from the settings; `collected` are values of ours that a collection of ThreatQ names.

    Raises ConfigError for private addresses, known-good lists, a time zone or a rule of groups that cannot be read.
    """
    return DialectOptions(
        known_good=known_good_of(settings, collected),
        overrule=settings.known_good_override,
        own_fields=frozenset(settings.sighting_own_fields.replace(",", " ").split()),
        private_become=settings.private_ips_become,
        zone=read_zone(settings.naive_timezone),
        default_source=settings.connector_name,
        max_description_chars=settings.max_description_chars,
        grouping=grouping_of(settings),
        mappings_dir=settings.mappings_dir,
    )


@lru_cache(maxsize=16)
def read_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name.

    Raises ConfigError for a name that is none.
    """
    if name.upper() in ("", "UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f'"{name}" is no time zone; write an IANA name such as UTC or Europe/Berlin.',
            field="naive_timezone (TQ_NAIVE_TIMEZONE)",
        ) from error
