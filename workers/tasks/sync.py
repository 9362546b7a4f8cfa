"""The queue sync: a run is worked on for a few seconds, then the one that waits longest; idle workers help."""

from __future__ import annotations

from workers.consumer import QueueHandler
from workers.leases import Attempt
from workers.ledger.records import Claim, Settlement
from workers.listsync.run.addition import add
from workers.listsync.run.assist import assist
from workers.listsync.run.handler import work as go_on
from workers.listsync.run.removal import remove
from workers.runtime import runtime, stopping
from workers.tasks.queue import task_for


def handle(attempt: Attempt) -> list[Settlement]:
    """Go on with each run."""
    attempt.begin()
    return [_step(claim) for claim in attempt.claims]


def _step(claim: Claim) -> Settlement:
    if claim.kind == "lists.remove":
        return remove(claim, runtime())
    if claim.kind == "lists.add":
        return add(claim, runtime())
    return go_on(claim, runtime(), stopping.is_set)


def help_others() -> None:
    """Take a share in the runs that other workers have in hand."""
    assist(runtime(), stopping.is_set)


work = task_for(QueueHandler("sync", handle, 1), afterwards=help_others)
