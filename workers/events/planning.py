"""From a claim to the plan of its event: decided, and not carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from workers.core.errors import ConfigError, InputError, NeedsNewerWorker
from workers.core.jobs import KINDS
from workers.core.results import Failure
from workers.ledger.records import Claim, Settlement, dead, needs_newer, refused
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan
from workers.payload.planning import plan_arguments
from workers.payload.sightings import sighting_plan

#: Makes the plan of one job of a kind from its arguments, the time it was accepted, and the dialect's options.
Planner = Callable[[Mapping[str, Any], datetime, DialectOptions], EventPlan]


class PlannedEvent(Struct, frozen=True):
    """A claim and the plan of its event."""

    claim: Claim
    plan: EventPlan


def payload_plan(arguments: Mapping[str, Any], accepted: datetime, options: DialectOptions) -> EventPlan:
    """Plan the event of an `events.create` job."""
    warnings = arguments.get("warnings", ())
    return plan_arguments(arguments, received_at=accepted, options=options, warnings=warnings)


def alarm_plan(arguments: Mapping[str, Any], accepted: datetime, options: DialectOptions) -> EventPlan:
    """Plan the event of a `sightings.add` job."""
    return sighting_plan(arguments, received_at=accepted, options=options)


#: How the events of each kind of job are planned.
PLANNERS: dict[str, Planner] = {"events.create": payload_plan, "sightings.add": alarm_plan}


def plan_of(claim: Claim, options: DialectOptions) -> PlannedEvent | Settlement:
    """Plan the event of a claim, or settle it as dead when its input cannot be used as it is, an alarm as refused.

    What a newer version has added to it lets it wait. Raises ConfigError for a setting that cannot be used.
    """
    accepted = datetime.fromtimestamp(claim.accepted_ms / 1000, UTC)
    try:
        return PlannedEvent(claim, PLANNERS[claim.kind](claim.known_arguments(), accepted, options))
    except NeedsNewerWorker as error:
        return needs_newer(claim, str(error))
    except ConfigError:
        raise
    except InputError as error:
        if KINDS[claim.kind].is_action:
            return refused(claim, error)
        return dead(claim, Failure(str(error), field=error.field))
