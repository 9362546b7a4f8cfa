"""Writing and reading LogRhythm's lists as a run does."""

from __future__ import annotations

from collections.abc import Iterable

from workers.listsync.plan.batches import BATCH
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.model import ListKind, ListSummary

HASHES = ListKind("GeneralValue", ("Hash",))

#: The routes of the two writes, as the sandbox counts them.
ITEMS_ADDED, ITEMS_REMOVED = "POST /lists/{id}/items/", "DELETE /lists/{id}/items/"


def put(client: LogRhythm, target: ListSummary, values: Iterable[str]) -> ListSummary:
    """Put values into a list as a run does, within one turn."""
    rest = list(values)
    with client.entries.writing() as writer:
        for start in range(0, len(rest), BATCH):
            target = writer.add(target, rest[start : start + BATCH])
    return target


def everything(client: LogRhythm, target: ListSummary, *, at_most: int) -> list[str]:
    """All that a list holds."""
    return [value for block in client.entries.read_blocks(target, at_most=at_most) for value in block]
