"""What of the settings matters to the dialect."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.indicators.addresses import PrivateRanges, parse_private_ips
from workers.payload.grouping import Grouping, grouping_of
from workers.settings.model import Settings


class DialectOptions(Struct, frozen=True):
    """How a payload is read: private addresses and what becomes of them, zone, name, room; and which are one event."""

    private: PrivateRanges = PrivateRanges()
    private_become: Literal["asset", "attribute", "drop"] = "asset"
    zone: tzinfo = UTC
    default_source: str = "Events Builder"
    max_description_chars: int = 65_500
    grouping: Grouping = Grouping()


def from_settings(settings: Settings) -> DialectOptions:
    """Take the dialect's options from the settings.

    Raises ConfigError for private addresses, a time zone or a rule of groups that cannot be read.
    """
    return DialectOptions(
        private=parse_private_ips(settings.private_ips),
        private_become=settings.private_ips_become,
        zone=read_zone(settings.naive_timezone),
        default_source=settings.connector_name,
        max_description_chars=settings.max_description_chars,
        grouping=grouping_of(settings),
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
