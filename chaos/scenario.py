"""What a scenario is: a name, a sentence, and a function that breaks things in a scene."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec import Struct

from chaos.scene import Scene


class Size(Struct, frozen=True):
    """How much is thrown at the system: jobs, kills, seconds of an outage, and how long all may take to be done.

    `strikes_s`: for how long it is struck at random. `firings`: how large a storm of one detection is.
    `hurry`: once the fault is over, jobs that wait for a further try have it at once.
    """

    jobs: int
    kills: int
    away_s: float
    patience_s: float
    strikes_s: float
    firings: int
    hurry: bool = False


#: `make chaos`; and the form that is part of `make test`.
LONG = Size(jobs=900, kills=20, away_s=300, patience_s=600, strikes_s=1_800, firings=100_000)
SHORT = Size(jobs=120, kills=3, away_s=4, patience_s=60, strikes_s=24, firings=5_000, hurry=True)

Break = Callable[[Scene, random.Random, Size], None]


class Scenario(Struct, frozen=True):
    """One fault: its `name` on the command line, what it does, how, and what its scene needs."""

    name: str
    what: str
    run: Break
    appendfsync: str = "everysec"
    replicated: bool = False
    environ: dict[str, str] = {}


class Scenarios:
    """The scenarios of one file, in their order; its decorator adds one."""

    def __init__(self) -> None:
        self.all: list[Scenario] = []

    def __call__(
        self, name: str, what: str, *, appendfsync: str = "everysec", replicated: bool = False, **environ: str
    ) -> Callable[[Break], Break]:
        """Return the decorator that makes a scenario of a function; `environ` are settings for the workers."""

        def add(run: Break) -> Break:
            self.all.append(Scenario(name, what, run, appendfsync, replicated, environ))
            return run

        return add
