"""The promises of a breaker hold in every state that its model can reach, and break without its safeguards.

Explored exhaustively: three workers, a service that comes and goes at any time, any number of kills and ended leases.
"""

from __future__ import annotations

import pytest

from tests.support.breaker_model import SETTLED, BreakerModel, BreakerRules, Outage
from tests.support.exploring import Explored, Promise, explore

#: Workers, and the states that they reach at most; more mean that the model has grown.
WORKERS, MOST_STATES = 3, 20_000


def only_an_answer_to_the_probe_closes_the_breaker(outage: Outage) -> bool:
    return not outage.is_closed_blindly


def no_worker_waits_for_a_probe_that_has_ended(outage: Outage) -> bool:
    return not (outage.breaker == "probing" and outage.probe == SETTLED)


def one_claim_at_most_is_the_probe(outage: Outage) -> bool:
    return sum(hands != "idle" and hands.role == "probe" for hands in outage.workers) <= 1


PROMISES: list[Promise[Outage]] = [
    only_an_answer_to_the_probe_closes_the_breaker,
    no_worker_waits_for_a_probe_that_has_ended,
    one_claim_at_most_is_the_probe,
]


def explored(rules: BreakerRules) -> Explored[Outage]:
    model = BreakerModel(WORKERS, rules)
    return explore(model.first, model.steps, PROMISES, most=MOST_STATES)


def is_over(outage: Outage) -> bool:
    """Tell whether the service is called again by all, or is away still."""
    return outage.breaker == "closed" or not outage.is_well


def test_every_promise_is_kept_whatever_happens() -> None:
    outcome = explored(BreakerRules())
    assert (outcome.broken, list(outcome.way)) == ("", [])


def test_from_every_state_the_breaker_closes_once_the_service_is_well() -> None:
    outcome = explored(BreakerRules())
    assert outcome.stuck(BreakerModel(WORKERS).work, is_over) is None


#: Each safeguard, and the promise that breaks without it.
NEEDED = {
    "heeds_the_probe_alone": only_an_answer_to_the_probe_closes_the_breaker,
    "needs_an_answer": only_an_answer_to_the_probe_closes_the_breaker,
    "hands_the_probe_on": no_worker_waits_for_a_probe_that_has_ended,
}


@pytest.mark.parametrize("safeguard", NEEDED)
def test_without_a_safeguard_a_promise_breaks(safeguard: str) -> None:
    outcome = explored(BreakerRules()._replace(**{safeguard: False}))
    assert outcome.broken == NEEDED[safeguard].__name__
    assert outcome.way


def test_every_safeguard_of_the_breaker_is_shown_to_be_needed() -> None:
    assert set(BreakerRules._fields) == set(NEEDED)
