"""A plan in sentences for people, and as JSON for programs."""

from __future__ import annotations

import msgspec

from workers.listsync.plan.plan import ListPlan, SyncPlan

#: Entries of others that a note names.
FOREIGN_SHOWN = 3


def notes(plan: SyncPlan, *, foreign_stays: bool = True) -> list[str]:
    """Return in sentences what the numbers of a plan leave open; `foreign_stays`: no entry of others is deleted."""
    doubt = plan.source.listing.doubt()
    lines = [f"Nothing is deleted: ThreatQ's listing is not complete, {doubt}"] if doubt else []
    lines += [part.sentence for part in plan.source.parts]
    for item in plan.lists:
        lines += [f"{item.name}: {warning}" for warning in item.warnings]
        if item.pending:
            advice = f"; tqctl sync approve {item.pending_id}" if item.pending.approvable else ""
            lines.append(
                f"{item.name}: {item.pending.count:,} deletes are pending: {item.pending.reason}{advice}"
            )
        if item.foreign.count and foreign_stays:
            lines.append(
                f"{item.name}: {item.foreign.count:,} entries of others stay, for example "
                f"{', '.join(item.foreign.samples[:FOREIGN_SHOWN])}; tqctl sync takeover makes them ours"
            )
        if item.stays:
            lines.append(f"{item.name}: {item.stays:,} entries left the collection and stay (method add)")
    lines += [f"No list takes {name}: {count:,} left out" for name, count in plan.source.unsupported.items()]
    lines += [
        f"Status {name}: {count:,} kept out of the lists (sync_statuses_kept_out)"
        for name, count in plan.source.kept_out.items()
    ]
    lines += [
        f"On the list {name}: {count:,} kept out of the lists (docs/known-good.md)"
        for name, count in plan.source.known_good.items()
    ]
    if plan.source.known_good_samples:
        lines.append(f"Kept out, for example: {', '.join(plan.source.known_good_samples)}")
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
            "kept_out": source.kept_out,
            "known_good": source.known_good,
            "parts": source.parts,
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
        "held": plan.pending,
        "held_id": plan.pending_id if plan.pending else None,
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
