"""What a first run does in ThreatQ: log in, see that the status exists, make the connector known."""

from __future__ import annotations

from collections.abc import Sequence

from workers.config import Settings
from workers.threatq.client import Client
from workers.threatq.connector import Connector, Field
from workers.threatq.service import ThreatQ


def check(settings: Settings) -> None:
    """Raise BadCredentials, ConfigError or ServiceAway unless the settings work against ThreatQ."""
    client = Client.from_settings(settings)
    try:
        ThreatQ(client, settings).lookups.status(settings.threatq_status)
    finally:
        client.close()


def register(settings: Settings, name: str, fields: Sequence[Field]) -> None:
    """Make the connector `name` known to ThreatQ with the fields of its page; one that is known stays as it is."""
    client = Client.from_settings(settings)
    try:
        Connector(client, name).register(fields)
    finally:
        client.close()
