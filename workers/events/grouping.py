"""Firings that share an event: which of a batch make one, which join one that is there, and which wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from workers.core.results import EventResult, GroupRef
from workers.events.planning import PlannedEvent
from workers.ledger.groups import Firing, Groups, Placement
from workers.ledger.records import Claim, GroupJoin, Settlement, deferred, done
from workers.payload.grouping import (
    MOST_VALUE,
    Grouping,
    GroupKey,
    RateLimit,
    counted_plan,
    limit_key,
    limited_plan,
    values_of,
)
from workers.payload.plan import EventPlan
from workers.payload.severity import severity_rank
from workers.threatq.service import ThreatQ

#: The place of a firing whose source has no rule.
ALONE = Placement("alone", is_limited=False, group="")

_NOT_GROUPED = "not grouped, as no more groups are kept (max_groups) or Redis is too full (memory_percent)"


class Placed(Struct, frozen=True):
    """A planned event, its place among the firings of its source, and the rules that gave it that."""

    planned: PlannedEvent
    place: Placement
    key: GroupKey | None = None
    limit: RateLimit | None = None

    @property
    def claim(self) -> Claim:
        """The job that it is about."""
        return self.planned.claim

    @property
    def makes_event(self) -> bool:
        """Whether it makes an event, or completes one that it made."""
        return self.place.verdict in ("alone", "full", "open")

    @property
    def plan(self) -> EventPlan:
        """The event that it makes: its own, or the one that stands for its group."""
        plan = self.planned.plan
        if self.place.verdict == "full":
            return structs.replace(plan, warnings=(*plan.warnings, _NOT_GROUPED))
        if self.place.is_limited and self.limit:
            plan = limited_plan(plan, self.limit)
        # An event that is there may have been told of more firings than one.
        return counted_plan(plan, self.label) if self.place.group and not self.place.event else plan

    @property
    def label(self) -> str:
        """What its group is called, "" where it has none."""
        if self.place.is_limited:
            return limit_key(self.planned.plan.source).label
        return self.key.label if self.key and self.place.group else ""

    @property
    def group(self) -> GroupRef | None:
        """Its group as its result names it."""
        if not self.place.group:
            return None
        return GroupRef(self.place.group, self.label, limited=self.place.is_limited)

    @property
    def limited(self) -> tuple[str, ...]:
        """What the sender of a limited firing is told of it."""
        if not (self.place.is_limited and self.limit):
            return ()
        return (
            f"{self.planned.plan.source} was limited: more than {self.limit.said}; this firing is counted in the event "
            "that says so and makes none of its own (TQ_RATE_LIMITS)",
        )

    def change(self, groups: Groups, event_id: int = 0) -> GroupJoin | None:
        """Return what it adds to its group; `event_id` is the event that it made for it."""
        if not self.place.group:
            return None
        values = values_of(self.planned.plan)
        # Beyond that many none could be kept, but for those that are there.
        kept = [value for value in values if len(value) <= MOST_VALUE][: 2 * groups.most_values]
        return GroupJoin(
            group=self.place.group,
            happened_at=self.planned.plan.happened_at,
            values=tuple(kept),
            more=len(values) - len(kept),
            update=groups.update_ms,
            most=groups.most_values,
            event=event_id,
            limited=self.place.is_limited,
            severity=self.planned.plan.severity[:MOST_VALUE],
            rank=severity_rank(self.planned.plan.severity),
        )


def place(planned: Sequence[PlannedEvent], groups: Groups, grouping: Grouping) -> list[Placed]:
    """Return what each firing of a batch does; one call of Redis for all of them, none where no rule concerns them."""
    ruled = [(each, *_rules(each, grouping)) for each in planned]
    asking = [(each, key, limit) for each, key, limit in ruled if key or limit]
    if not asking:
        return [Placed(each, ALONE) for each in planned]
    places = dict(
        zip(
            (each.claim.id for each, _, _ in asking),
            groups.enter([_firing(each, key, limit) for each, key, limit in asking]),
            strict=True,
        )
    )
    return [Placed(each, places.get(each.claim.id, ALONE), key, limit) for each, key, limit in ruled]


def _rules(planned: PlannedEvent, grouping: Grouping) -> tuple[GroupKey | None, RateLimit | None]:
    if not grouping.concerns(planned.plan.source):
        return None, None
    arguments = planned.claim.arguments
    fields: Mapping[str, Any] = arguments.get("payload", arguments)
    return grouping.group_of(fields, planned.plan), grouping.limit_of(planned.plan)


def _firing(planned: PlannedEvent, key: GroupKey | None, limit: RateLimit | None) -> Firing:
    over = limit_key(planned.plan.source)
    return Firing(
        job_id=planned.claim.id,
        accepted_ms=planned.claim.accepted_ms,
        source=planned.plan.source[:MOST_VALUE],
        group=key.digest if key else "",
        label=key.label if key else "",
        firings=limit.firings if limit else 0,
        window_ms=limit.window_s * 1000 if limit else 1,
        over=over.digest,
        over_label=over.label,
    )


def joined(placed: Placed, made: Mapping[str, int], groups: Groups, threatq: ThreatQ) -> Settlement:
    """Settle a firing that makes no event: it joins that of its group, or waits until that is made.

    `made` are the events that were made in the same batch, by group.
    """
    event_id = placed.place.event or made.get(placed.place.group, 0)
    if not event_id:
        reason = f"job {placed.place.opener} makes the event of its group first"
        return deferred(placed.claim, reason, placed.place.wait_ms / 1000)
    plan = placed.planned.plan
    result = EventResult(
        event_id=event_id,
        link=threatq.link("events", event_id),
        existing=True,
        left_out=plan.left_out,
        warnings=(*plan.warnings, *placed.limited),
        group=placed.group,
    )
    return done(placed.claim, result, placed.change(groups))
