"""What is wrong with an action that can be told without ThreatQ: pure, for the entries; a worker decides the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workers.actions.request import CREATES, read_request, refuse_private
from workers.core.errors import ConfigError
from workers.indicators.addresses import PrivateRanges, parse_private_ips
from workers.indicators.types import INDICATOR_TYPES, match_type
from workers.ledger.known_names import KnownNames
from workers.payload.options import DialectOptions
from workers.payload.sightings import sighting_plan


def check_action(kind: str, arguments: Mapping[str, Any], known: KnownNames, options: DialectOptions) -> None:
    """Raise InputError for a type that ThreatQ has not, a value that does not fit it, a private address, a wrong date.

    While the names are not `known`, a type that is not one of ThreatQ's own passes, and every address.
    """
    if kind == "sightings.add":
        sighting_plan(arguments, received_at=datetime.now(UTC), options=options)
        return
    if not known.types and match_type(str(arguments.get("type", ""))) is None:
        return
    request = read_request(dict(arguments), known.types or INDICATOR_TYPES)
    if kind in CREATES:
        refuse_private(request, _ranges(known.private_ips))


def _ranges(setting: str) -> PrivateRanges:
    try:
        return parse_private_ips(setting)
    except ConfigError:
        # The workers do nothing until it is corrected.
        return PrivateRanges()
