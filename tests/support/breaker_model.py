"""A model of a breaker: a service that comes and goes, the breaker in Redis, and workers that claim, call and settle.

The end of a lease and of a wait may come at any time, as in the model of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple


class BreakerRules(NamedTuple):
    """The safeguards; the tests show that without any one of them a promise breaks."""

    #: Only the claim that is the probe now may close the breaker.
    heeds_the_probe_alone: bool = True
    #: A probe closes the breaker only where the service has answered it.
    needs_an_answer: bool = True
    #: A probe that ends without an answer makes the next claim the probe.
    hands_the_probe_on: bool = True


class Claimed(NamedTuple):
    """A claim in a worker's hands: what it is to the breaker, and what it has heard of the service.

    "plain": claimed while the breaker was closed; "overtaken": another claim became the probe after it.
    """

    role: Literal["plain", "probe", "overtaken"]
    heard: Literal["nothing", "an answer", "that it is away"] = "nothing"


#: What a worker does.
Hands = Literal["idle"] | Claimed

#: Whose token the breaker names: that of a worker's claim, of a worker that was killed, or of a claim that is settled.
KILLED, SETTLED = -1, -2


class Outage(NamedTuple):
    """The service, its breaker and the workers.

    `breaker`: closed, waiting until it is time, due for a probe, or probing; `probe` is the worker whose token it
    names. `is_closed_blindly`: it closed without an answer to its probe.
    """

    is_well: bool
    breaker: Literal["closed", "waiting", "due", "probing"]
    probe: int | None
    workers: tuple[Hands, ...]
    is_closed_blindly: bool = False


#: A step: what happens, and the state after it.
OutageStep = tuple[str, Outage]


class BreakerModel:
    """The steps of so many workers under `rules`."""

    def __init__(self, workers: int, rules: BreakerRules | None = None) -> None:
        self.rules = rules or BreakerRules()
        idle: Hands = "idle"
        self.first = Outage(True, "closed", None, (idle,) * workers)

    def steps(self, outage: Outage) -> Iterator[OutageStep]:
        """Yield all that may happen."""
        yield from self.work(outage)
        yield "the service comes or goes", outage._replace(is_well=not outage.is_well)
        for number, hands in enumerate(outage.workers):
            if isinstance(hands, Claimed):
                yield f"worker {number} is killed", without(outage, number, KILLED)
                if hands.heard == "nothing":
                    yield f"worker {number} ends without a call", self._settle(outage, number, hands)

    def work(self, outage: Outage) -> Iterator[OutageStep]:
        """Yield what may happen where nothing fails any more."""
        if outage.breaker in ("waiting", "probing"):
            yield "it is time to try again", outage._replace(breaker="due")
        for number, hands in enumerate(outage.workers):
            if hands == "idle":
                if outage.breaker in ("closed", "due"):
                    yield f"worker {number} claims", claim(outage, number)
            else:
                yield from self._go_on(outage, number, hands)

    def _go_on(self, outage: Outage, number: int, hands: Claimed) -> Iterator[OutageStep]:
        if hands.heard != "that it is away":
            if outage.is_well:
                heard = hands._replace(heard="an answer")
                yield f"worker {number} gets an answer", with_hands(outage, number, heard)
            else:
                yield f"worker {number} finds it away", find_away(outage, number, hands)
        if hands.heard != "nothing":
            yield f"worker {number} settles", self._settle(outage, number, hands)

    def _settle(self, outage: Outage, number: int, hands: Claimed) -> Outage:
        is_the_probe = outage.probe == number and outage.breaker in ("probing", "due")
        has_answer = hands.heard == "an answer"
        if has_answer and not self.rules.heeds_the_probe_alone:
            is_the_probe = outage.breaker != "closed"
        if is_the_probe and (has_answer or not self.rules.needs_an_answer):
            is_right = hands.role == "probe" and has_answer
            is_blind = outage.is_closed_blindly or not is_right
            closed = outage._replace(breaker="closed", probe=None, is_closed_blindly=is_blind)
            return without(closed, number, SETTLED)
        if is_the_probe and self.rules.hands_the_probe_on:
            return without(outage._replace(breaker="due", probe=None), number, SETTLED)
        return without(outage, number, SETTLED)


def claim(outage: Outage, number: int) -> Outage:
    """Let a worker claim: while the breaker is open, as the probe, in the place of an earlier one."""
    if outage.breaker == "closed":
        return with_hands(outage, number, Claimed("plain"))
    workers: tuple[Hands, ...] = tuple(
        hands._replace(role="overtaken") if isinstance(hands, Claimed) and hands.role == "probe" else hands
        for hands in outage.workers
    )
    probing = outage._replace(breaker="probing", probe=number, workers=workers)
    return with_hands(probing, number, Claimed("probe"))


def find_away(outage: Outage, number: int, hands: Claimed) -> Outage:
    """Open the breaker, unless it is open and this claim is not its probe."""
    if outage.breaker in ("closed", "due") or outage.probe == number:
        outage = outage._replace(breaker="waiting", probe=None)
    return with_hands(outage, number, hands._replace(heard="that it is away"))


def with_hands(outage: Outage, number: int, hands: Hands) -> Outage:
    """Return the outage with a worker that does something else."""
    workers = (*outage.workers[:number], hands, *outage.workers[number + 1 :])
    return outage._replace(workers=workers)


def without(outage: Outage, number: int, why: int) -> Outage:
    """Let a worker have no claim any longer; the breaker may name its token still, which no other claim will match."""
    probe = why if outage.probe == number else outage.probe
    return with_hands(outage._replace(probe=probe), number, "idle")
