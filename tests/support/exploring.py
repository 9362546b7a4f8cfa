"""Explores every state that a model can reach, and tells the way to one that breaks a promise."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

#: What may happen next: the name of a step, and the state after it.
Steps = Callable[[S], Iterable[tuple[str, S]]]

#: Tells whether a state is as promised; its name is the promise.
Promise = Callable[[S], bool]


@dataclass(frozen=True)
class Explored(Generic[S]):
    """Every state that was reached, each with the step and the state before; `broken` names a broken promise.

    `way` are the steps to the state that broke it, one of the shortest ways.
    """

    reached: Mapping[S, tuple[str, S] | None]
    broken: str = ""
    way: Sequence[str] = ()

    def stuck(self, steps: Steps[S], is_end: Promise[S]) -> list[str] | None:
        """Return the way to a state from which `steps` lead to no end, None where there is no such state."""
        before: dict[S, list[S]] = {}
        for state in self.reached:
            for _, after in steps(state):
                before.setdefault(after, []).append(state)
        ahead = [state for state in self.reached if is_end(state)]
        leads_there = set(ahead)
        while ahead:
            for state in before.get(ahead.pop(), ()):
                if state not in leads_there:
                    leads_there.add(state)
                    ahead.append(state)
        return next((way_to(state, self.reached) for state in self.reached if state not in leads_there), None)


def explore(first: S, steps: Steps[S], promises: Iterable[Promise[S]], *, most: int) -> Explored[S]:
    """Visit every state that `steps` reach from `first`, nearest first, until one breaks a promise.

    More than `most` states are an AssertionError: a bound that is stated must be kept.
    """
    checks = list(promises)
    reached: dict[S, tuple[str, S] | None] = {first: None}
    ahead = deque([first])
    while ahead:
        state = ahead.popleft()
        for promise in checks:
            if not promise(state):
                return Explored(reached, promise.__name__, way_to(state, reached))
        for step, after in steps(state):
            if after not in reached:
                reached[after] = (step, state)
                ahead.append(after)
        assert len(reached) <= most, f"more than {most:,} states"
    return Explored(reached)


def way_to(state: S, reached: Mapping[S, tuple[str, S] | None]) -> list[str]:
    """Return the steps from the first state to this one."""
    steps: list[str] = []
    while (before := reached[state]) is not None:
        step, state = before
        steps.append(step)
    return steps[::-1]
