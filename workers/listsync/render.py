"""A plan for people, as a table, and for programs, as JSON."""

from __future__ import annotations

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from workers.listsync.plan import ListPlan, SyncPlan

_COLUMNS = ("Now", "Add", "Delete", "After", "Held", "Foreign", "Left out")


def table(plan: SyncPlan) -> RenderableType:
    """Return the plan as a table with a line for everything that needs attention below it."""
    grid = Table(title=f"{plan.collection} · {plan.method} · plan {plan.id}", title_justify="left")
    grid.add_column("List")
    for column in _COLUMNS:
        grid.add_column(column, justify="right")
    for item in plan.lists:
        grid.add_row(Text(item.name), *(_number(count) for count in _counts(item)))
    return Group(grid, *(Text(line) for line in notes(plan)))


def notes(plan: SyncPlan) -> list[str]:
    """Return in sentences what the table's numbers leave open."""
    doubt = plan.source.listing.doubt()
    lines = [f"Nothing is deleted: ThreatQ's listing is not complete, {doubt}"] if doubt else []
    for item in plan.lists:
        lines += [f"{item.name}: {warning}" for warning in item.warnings]
        if item.held:
            advice = f"; tqctl sync approve {item.held_id}" if item.held.approvable else ""
            lines.append(f"{item.name}: {item.held.count:,} deletes held: {item.held.reason}{advice}")
        if item.stays:
            lines.append(f"{item.name}: {item.stays:,} entries left the collection and stay (method add)")
    lines += [f"No list takes {name}: {count:,} left out" for name, count in plan.source.unsupported.items()]
    lines += [f"Not a valid {name}: {count:,} left out" for name, count in plan.source.unusable.items()]
    return lines


def samples(plan: ListPlan) -> list[str]:
    """Return a few entries of each kind of change, marked as in a diff."""
    kinds = (("+", plan.adds), ("-", plan.deletes), ("?", plan.foreign))
    return [f"{mark} {value}" for mark, batches in kinds for value in batches.samples]


def as_json(plan: SyncPlan) -> bytes:
    """Return the plan as JSON for programs."""
    source = plan.source
    return msgspec.json.encode(
        {
            "id": plan.id,
            "collection": plan.collection,
            "method": plan.method,
            "declared": source.listing.declared,
            "read": source.listing.read,
            "complete": source.listing.complete,
            "unsupported": source.unsupported,
            "unusable": source.unusable,
            "lists": [_list(item) for item in plan.lists],
        }
    )


def _list(plan: ListPlan) -> dict[str, object]:
    return {
        "id": plan.id,
        "name": plan.name,
        "type": plan.type,
        "bucket": plan.bucket,
        "exists": plan.exists,
        "now": plan.now,
        "add": plan.adds.count,
        "delete": plan.released.count,
        "after": plan.after,
        "held": plan.held,
        "held_id": plan.held_id if plan.held else None,
        "stays": plan.stays,
        "foreign": plan.foreign.count,
        "left_out": plan.left_out,
        "calls": plan.calls,
        "warnings": plan.warnings,
        "samples": {
            "add": plan.adds.samples,
            "delete": plan.deletes.samples,
            "foreign": plan.foreign.samples,
        },
    }


def _counts(plan: ListPlan) -> tuple[int, ...]:
    held = plan.held.count if plan.held else 0
    return (
        plan.now,
        plan.adds.count,
        plan.released.count,
        plan.after,
        held,
        plan.foreign.count,
        plan.left_out,
    )


def _number(count: int) -> str:
    return f"{count:,}" if count else "·"
