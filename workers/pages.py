"""The connectors' pages in ThreatQ's UI: which of our settings each of them shows."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from workers.config import Settings
from workers.threatq.connector import Field

#: The Events Builder's page (Events Builder guide, Configuration).
EVENTS_BUILDER = (
    Field(
        "private_ips",
        "Private IPs",
        help="Addresses of your own that never become indicators: single addresses, ranges with a dash and "
        "networks (10.0.0.0/8), separated by commas; IPv6 as well.",
    ),
)


def with_page(settings: Settings, fields: Mapping[str, str]) -> Settings:
    """Return `settings` as the Events Builder's page has them; what is empty there stays as it is here."""
    shown = {field.name: fields[field.name] for field in EVENTS_BUILDER if fields.get(field.name, "").strip()}
    return structs.replace(settings, **shown)
