"""From the arguments of a job to the plan of its event, through its mapping where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from workers.core.errors import NeedsNewerWorker
from workers.core.jobs import Job
from workers.mappings.apply import MappedEvent, apply_mapping
from workers.mappings.folder import mapping_folder
from workers.payload.builder import plan_event
from workers.payload.mapped import ARGUMENT, NAME, VERSION
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan


def plan_arguments(
    arguments: Mapping[str, Any],
    *,
    received_at: datetime,
    options: DialectOptions,
    warnings: Sequence[str] = (),
) -> EventPlan:
    """Plan the event of an `events.create` job.

    Raises InputError for what is no event, and NeedsNewerWorker where its mapping is not there.
    """
    document = arguments["payload"]
    if ARGUMENT not in arguments:
        return plan_event(document, received_at=received_at, options=options, warnings=warnings)
    event = mapped_event(arguments, options)
    return plan_mapped(event, received_at=received_at, options=options, warnings=warnings)


def plan_mapped(
    event: MappedEvent, *, received_at: datetime, options: DialectOptions, warnings: Sequence[str] = ()
) -> EventPlan:
    """Plan the event that a mapping made; raises InputError for what is no event."""
    plan = plan_event(
        event.payload, received_at=received_at, options=options, warnings=[*warnings, *event.warnings]
    )
    assets = tuple(dict.fromkeys((*plan.assets, *event.assets)))
    return replace(plan, assets=assets, group_by=event.group_by)


def mapped_event(arguments: Mapping[str, Any], options: DialectOptions) -> MappedEvent:
    """Return what the mapping of a job makes of its document; raises as `plan_arguments` does."""
    wanted = arguments[ARGUMENT]
    name, version = str(wanted[NAME]), int(wanted[VERSION])
    mappings = mapping_folder(options.mappings_dir).current()
    mapping = mappings.get(name)
    if mapping is None or mapping.version < version:
        remedy = (
            mappings.faults.get(name) or "put its file into the folder mappings_dir of this worker's host"
        )
        raise NeedsNewerWorker(f"version {version} of the mapping {name}; {remedy}")
    return apply_mapping(mapping, arguments["payload"])


def plan_now(job: Job, options: DialectOptions) -> EventPlan:
    """Return what a worker would make of a job of `Intake.jobs` if it was accepted now."""
    return plan_arguments(
        job.arguments, received_at=datetime.now(UTC), options=options, warnings=job.warnings
    )
