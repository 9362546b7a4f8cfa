"""The queue sync: a run is worked on for a few seconds, then the one that waits longest; idle workers help."""

from __future__ import annotations

from collections.abc import Sequence

from workers.app import stopping
from workers.drain import Consumer
from workers.ledger.records import Claim, Settlement
from workers.runtime import runtime
from workers.sync.helping import help_out
from workers.sync.work import work as go_on
from workers.tasks.queue import task_for


def handle(claims: Sequence[Claim]) -> list[Settlement]:
    """Go on with each run."""
    return [go_on(claim, runtime(), stopping.is_set) for claim in claims]


def help_others() -> None:
    """Take a share in the runs that other workers have in hand."""
    help_out(runtime(), stopping.is_set)


work = task_for(Consumer("sync", handle, 1), afterwards=help_others)
