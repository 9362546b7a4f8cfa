"""The queue sync: a run is worked on for a few seconds, then the one that waits longest; idle workers help."""

from __future__ import annotations

from workers.consumer import QueueHandler
from workers.leases import Attempt
from workers.ledger.records import Settlement
from workers.listsync.run.assist import assist
from workers.listsync.run.handler import work as go_on
from workers.runtime import runtime, stopping
from workers.tasks.queue import task_for


def handle(attempt: Attempt) -> list[Settlement]:
    """Go on with each run."""
    attempt.begin()
    return [go_on(claim, runtime(), stopping.is_set) for claim in attempt.claims]


def help_others() -> None:
    """Take a share in the runs that other workers have in hand."""
    assist(runtime(), stopping.is_set)


work = task_for(QueueHandler("sync", handle, 1), afterwards=help_others)
