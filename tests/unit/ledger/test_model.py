"""The promises of the ledger hold in every state that its model can reach, and break without its safeguards.

Explored exhaustively: one job and two workers with any number of kills, ended leases, lost answers, lost wake-ups and
returns of Redis to what its disk or a replica has; and two jobs and one worker with two such troubles.
"""

from __future__ import annotations

import pytest

from tests.support.exploring import Explored, Promise, explore
from tests.support.ledger_model import ALL_RULES, Model, Rules, World

#: States of the largest exploration; more of them mean that the model has grown, and the time of the test with it.
MOST_STATES = 250_000


def no_job_is_done_twice_without_a_look_up(world: World) -> bool:
    return not world.is_blind


def no_event_is_made_twice(world: World) -> bool:
    return max(world.events) <= 1


def what_is_done_has_its_event(world: World) -> bool:
    """An accepted job is not lost: it is open, a dead letter, refused, or done, and then ThreatQ has its event."""
    return all(
        record is None or record.state != "done" or count > 0
        for record, count in zip(world.memory.records, world.events, strict=True)
    )


def what_a_sender_was_told_is_not_forgotten(world: World) -> bool:
    return all(
        sender != "was told" or record is not None
        for sender, record in zip(world.senders, world.memory.records, strict=True)
    )


PROMISES: list[Promise[World]] = [
    no_job_is_done_twice_without_a_look_up,
    no_event_is_made_twice,
    what_is_done_has_its_event,
]


def settled(world: World) -> bool:
    """Tell whether nothing that Redis knows is open any more."""
    return all(
        record is None or record.state in ("done", "dead", "refused") for record in world.memory.records
    )


def explored(model: Model, promises: list[Promise[World]]) -> Explored[World]:
    return explore(model.first, model.steps, promises, most=MOST_STATES)


@pytest.fixture(scope="module")
def one_job() -> Explored[World]:
    """Every state of one job and two workers."""
    return explored(Model(1, 2), PROMISES)


def test_one_job_and_two_workers_keep_every_promise_whatever_happens(one_job: Explored[World]) -> None:
    assert (one_job.broken, list(one_job.way)) == ("", [])


def test_a_new_redis_keeps_every_promise_whatever_happens() -> None:
    outcome = explored(Model(1, 2, is_new=True), PROMISES)
    assert (outcome.broken, list(outcome.way)) == ("", [])


def test_two_jobs_keep_every_promise_through_any_two_troubles() -> None:
    outcome = explored(Model(2, 1, most_troubles=2), PROMISES)
    assert (outcome.broken, list(outcome.way)) == ("", [])


def test_from_every_state_a_job_comes_to_its_end_once_nothing_fails_any_more(
    one_job: Explored[World],
) -> None:
    assert one_job.stuck(Model(1, 2).work, settled) is None


def test_what_a_sender_was_told_survives_a_crash_where_the_disk_or_a_replica_confirms() -> None:
    rules = ALL_RULES._replace(confirms_on_disk=True)
    outcome = explored(Model(1, 1, rules), [*PROMISES, what_a_sender_was_told_is_not_forgotten])
    assert (outcome.broken, list(outcome.way)) == ("", [])


#: Each safeguard, and the promise that breaks first without it.
NEEDED = {
    "proves_its_lease": no_event_is_made_twice,
    "proof_ends_with_redis": no_job_is_done_twice_without_a_look_up,
    "is_wary_after_a_restart": no_job_is_done_twice_without_a_look_up,
    "takes_no_life_for_a_restart": no_job_is_done_twice_without_a_look_up,
    "counts_cut_attempts": no_job_is_done_twice_without_a_look_up,
    "settles_only_what_it_holds": no_job_is_done_twice_without_a_look_up,
}


@pytest.mark.parametrize("safeguard", NEEDED)
def test_without_a_safeguard_a_promise_breaks(safeguard: str) -> None:
    rules = ALL_RULES._replace(**{safeguard: False})
    outcome = explored(Model(1, 2, rules, is_new=safeguard == "takes_no_life_for_a_restart"), PROMISES)
    assert outcome.broken == NEEDED[safeguard].__name__
    assert outcome.way


def test_without_confirmation_a_crash_may_forget_what_a_sender_was_told() -> None:
    outcome = explored(Model(1, 1), [*PROMISES, what_a_sender_was_told_is_not_forgotten])
    assert outcome.broken == what_a_sender_was_told_is_not_forgotten.__name__
    assert outcome.way == ["job 0 is accepted", "Redis comes back with what was on disk"]


def test_without_the_upkeep_a_lost_wake_up_leaves_a_job_lying() -> None:
    model = Model(1, 1, ALL_RULES._replace(upkeep_wakes=False))
    assert explored(model, PROMISES).stuck(model.work, settled) == [
        "job 0 is accepted",
        "the wake-up is lost",
    ]


def test_every_safeguard_of_the_model_is_shown_to_be_needed() -> None:
    assert set(Rules._fields) == {*NEEDED, "confirms_on_disk", "upkeep_wakes"}
