"""A loop that waits takes wake-ups over, and none of them is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from tests.support.waiting import until
from workers.tasks import lingering as of_lingering
from workers.tasks.lingering import Lingering

#: Seconds after which a test gives up.
PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a loop wait for as long as a test may take, however busy this machine is."""
    for seconds in ("MOST_WAIT_S", "WAKE_UP_S"):
        monkeypatch.setattr(of_lingering, seconds, 600.0)


class Loop:
    """Counts how often it asked for jobs; each time it may go on when `let_on` is released."""

    def __init__(self) -> None:
        self.asked = 0
        self.let_on = threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked += 1
        assert self.let_on.acquire(timeout=PATIENCE_S)
        return 1


@contextmanager
def running(lingering: Lingering, go_on: Callable[[], int]) -> Iterator[list[int]]:
    """Run a loop in a thread; yields a list that holds what it settled, once it has ended."""
    settled: list[int] = []
    thread = threading.Thread(target=lambda: settled.append(lingering.repeat(go_on)))
    thread.start()
    try:
        yield settled
    finally:
        lingering.end()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()


def loops(threads: int = 4) -> Lingering:
    lingering = Lingering(batch=100)
    lingering.begin(threads)
    return lingering


def test_a_wake_up_without_a_loop_that_waits_is_celerys() -> None:
    lingering = loops()
    assert not lingering.take()
    loop = Loop()
    with running(lingering, loop):
        until(lambda: loop.asked == 1)
        # The loop is at work: what it will not look for again must start another one.
        assert not lingering.take()
        loop.let_on.release()


def test_a_loop_that_waits_is_woken_and_asks_for_jobs_anew() -> None:
    lingering, loop = loops(), Loop()
    with running(lingering, loop) as settled:
        loop.let_on.release()
        until(lingering.take)
        until(lambda: loop.asked == 2)
        # It has asked, so what is announced from now on is not its own any more.
        assert not lingering.take()
        loop.let_on.release()
        until(lingering.take)
        loop.let_on.release()
    assert settled == [3]


def test_after_each_wake_up_that_is_taken_a_loop_asks_for_jobs() -> None:
    lingering, at_work, loop = loops(), Loop(), Loop()
    for _ in range(1_000):
        loop.let_on.release()
    # Given a loop at work, so that the other one lets what comes gather before it asks
    with running(lingering, at_work), running(lingering, loop):
        until(lambda: at_work.asked == 1)
        for _ in range(50):
            # When one or two are announced
            asked = until(lambda: loop.asked) and loop.asked
            until(lingering.take)
            asked_before_second = loop.asked
            is_second_taken = lingering.take()
            # Then it has asked after each
            until(lambda asked=asked: loop.asked > asked, every_s=0.001)
            if is_second_taken:
                until(lambda asked=asked_before_second: loop.asked > asked, every_s=0.001)
        at_work.let_on.release()
    assert loop.asked > 50


def test_a_wake_up_for_many_jobs_wakes_a_loop_of_its_own() -> None:
    lingering, first, second = loops(), Loop(), Loop()
    with running(lingering, first), running(lingering, second):
        first.let_on.release()
        second.let_on.release()
        until(lambda: lingering.take(for_many=True))
        until(lambda: lingering.take(for_many=True))
        until(lambda: first.asked == second.asked == 2)
        first.let_on.release()
        second.let_on.release()
    assert (first.asked, second.asked) == (2, 2)


def test_the_only_thread_of_a_worker_is_kept_for_other_queues() -> None:
    assert not loops(threads=1).wait(time.monotonic() + PATIENCE_S)


def test_a_process_that_is_no_worker_waits_for_nothing() -> None:
    assert not Lingering(batch=100).wait(time.monotonic() + PATIENCE_S)


def test_a_worker_may_be_told_to_stop_in_the_middle_of_taking_a_wake_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(threading.Event):
        """Wakes a loop, as the signal to stop comes."""

        def set(self) -> None:
            lingering.end()
            super().set()

    # given two loops that wait
    monkeypatch.setattr(of_lingering, "threading", SimpleNamespace(Event=Interrupted, Lock=threading.Lock))
    lingering = loops()
    waiting = [threading.Thread(target=lingering.repeat, args=[lambda: 1], daemon=True) for _ in range(2)]
    # when a wake-up is taken
    taking = threading.Thread(target=until, args=[lambda: lingering.take(for_many=True)], daemon=True)
    for thread in (*waiting, taking):
        thread.start()
    # then the worker goes on, and the loops come to their end
    for thread in (taking, *waiting):
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
