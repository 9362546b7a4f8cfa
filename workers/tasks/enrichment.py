"""The queue enrichment: an analyst's action is carried out as soon as a thread is free."""

from __future__ import annotations

from collections.abc import Sequence

from workers.actions.act import act
from workers.drain import Bench
from workers.ledger.records import Claim, Settlement, done
from workers.runtime import runtime
from workers.tasks.queue import works_on


def carry_out(claims: Sequence[Claim]) -> list[Settlement]:
    """Carry out each action; what one of them raises is the drain's to judge."""
    here = runtime()
    private = here.dialect().private
    return [
        done(claim, act(claim.kind, claim.arguments, here.threatq, private).as_note()) for claim in claims
    ]


#: One action at a time, so that waiting analysts are served by all threads side by side.
work = works_on(Bench("enrichment", carry_out, 1))
