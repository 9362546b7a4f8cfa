"""The queue sync: each run goes on for a few seconds, then whichever waits longest."""

from __future__ import annotations

from collections.abc import Sequence

from workers.app import stopping
from workers.drain import Bench
from workers.ledger.records import Claim, Settlement
from workers.runtime import runtime
from workers.sync.work import work as go_on
from workers.tasks.queue import works_on


def handle(claims: Sequence[Claim]) -> list[Settlement]:
    """Go on with each run."""
    return [go_on(claim, runtime(), stopping.is_set) for claim in claims]


work = works_on(Bench("sync", handle, 1))
