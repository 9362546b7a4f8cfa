"""What is wrong with an action that can be told without ThreatQ: pure, for the entries; a worker decides the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workers.actions.request import CREATES, may_force, read_request, screened
from workers.core.errors import ConfigError
from workers.indicators.known_good.configured import private_only
from workers.indicators.known_good.judge import KnownGood
from workers.indicators.types import INDICATOR_TYPES, match_type
from workers.ledger.known_names import KnownNames
from workers.payload.options import DialectOptions
from workers.payload.sightings import sighting_plan


def check_action(kind: str, arguments: Mapping[str, Any], known: KnownNames, options: DialectOptions) -> None:
    """Raise InputError for a type that ThreatQ has not, a value that does not fit it or is kept out, a wrong date.

    While the names are not `known`, a type that is not one of ThreatQ's own passes, and an address that is private
    by the page in ThreatQ alone.
    """
    if kind == "sightings.add":
        sighting_plan(arguments, received_at=datetime.now(UTC), options=options)
        return
    if not known.types and match_type(str(arguments.get("type", ""))) is None:
        return
    request = read_request(dict(arguments), known.types or INDICATOR_TYPES)
    if kind in CREATES:
        force = may_force(kind, arguments, allowed=options.overrule)
        screened(request, _private(known.private_ips))
        screened(request, options.known_good, force=force)


def _private(setting: str) -> KnownGood:
    try:
        return private_only(setting)
    except ConfigError:
        # The workers do nothing until it is corrected.
        return KnownGood()
