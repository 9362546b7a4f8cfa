"""Trying again: the pauses, when it ends, and what the log is told."""

from __future__ import annotations

import pytest

from workers.core.errors import ServiceAway, Throttled
from workers.core.retry import RetryPolicy, retry

AWAY = ServiceAway("threatq", "503")

#: Four calls, with pauses of 1, 2 and 3 s, half of which chance may take off.
POLICY = RetryPolicy(first_s=1, most_s=3, tries=4, throttled_tries=2, spread=0.5)


class Fails:
    """Raises each of `errors` once, in their order, then returns how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


def test_pauses_double_up_to_their_limit_and_end() -> None:
    assert [POLICY.pause(attempt, AWAY) for attempt in (1, 2, 3, 4)] == [1, 2, 3, None]


def test_chance_takes_off_at_most_its_share() -> None:
    assert [POLICY.pause(1, AWAY, chance) for chance in (0.0, 0.5, 1.0)] == [1, 0.75, 0.5]


def test_a_pause_that_the_service_asks_for_is_kept_unless_it_is_long() -> None:
    assert POLICY.pause(1, ServiceAway("threatq", "x", after=2), 1.0) == 2
    assert POLICY.pause(1, ServiceAway("threatq", "x", after=30)) is None


def test_a_policy_that_heeds_nothing_keeps_its_own_pauses_without_end() -> None:
    policy = RetryPolicy(first_s=0.1, most_s=5, heeds=False)
    assert policy.pause(1_000_000, ServiceAway("redis", "full", after=30)) == 5


def test_a_service_that_wants_fewer_calls_gets_fewer() -> None:
    assert POLICY.pause(1, Throttled("threatq", "x")) == 1
    assert POLICY.pause(2, Throttled("threatq", "x")) is None


def test_a_call_that_succeeds_in_the_end_was_paused_for_and_told_of_each_time() -> None:
    # Given a call that fails twice
    call, slept, told = Fails(AWAY, AWAY), list[float](), list[tuple[ServiceAway, float]]()
    policy = RetryPolicy(first_s=1, most_s=3, tries=3)
    # When it is tried again
    count = retry(call, policy, sleep=slept.append, tell=lambda error, pause_s: told.append((error, pause_s)))
    # Then it was called three times, with both pauses told before
    assert (count, slept, told) == (3, [1, 2], [(AWAY, 1), (AWAY, 2)])


def test_the_last_error_is_raised() -> None:
    call = Fails(AWAY, AWAY, AWAY)
    with pytest.raises(ServiceAway):
        retry(call, RetryPolicy(first_s=0, most_s=0, tries=3), sleep=lambda _: None)
    assert call.calls == 3


def test_another_error_is_raised_at_once() -> None:
    call = Fails(AWAY)
    with pytest.raises(ServiceAway):
        retry(call, RetryPolicy(first_s=0, most_s=0), on=Throttled)
    assert call.calls == 1
