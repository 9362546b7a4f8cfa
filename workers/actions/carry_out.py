"""From claimed jobs to what analysts asked for: carry out each action, settle each."""

from __future__ import annotations

from collections.abc import Sequence

from workers.actions.act import act
from workers.ledger.records import Claim, Settlement, done
from workers.private import PrivateRanges
from workers.threatq.failure import suspecting
from workers.threatq.service import ThreatQ


def carry_out(claims: Sequence[Claim], threatq: ThreatQ, private: PrivateRanges) -> list[Settlement]:
    """Carry out each action; what one of them raises is the drain's to judge.

    An action that is alone when ThreatQ fails is suspected to be the cause, as an event is.
    """
    with suspecting([claim.id for claim in claims]):
        return [done(claim, act(claim.kind, claim.arguments, threatq, private).as_note()) for claim in claims]
