"""Everything that one simulated ThreatQ holds."""

from __future__ import annotations

import random

from sandbox.threatq.model.behaviour import Behaviour, CallCounter, Faults
from sandbox.threatq.model.store import MEMORY, Store
from sandbox.threatq.model.tokens import Tokens


class ThreatQ:
    """The store, the tokens, the faults and the behaviour of one simulated ThreatQ; the store may lie in a file."""

    def __init__(self, behaviour: Behaviour | None = None, seed: int = 0, *, path: str = MEMORY) -> None:
        self.first_behaviour = behaviour or Behaviour()
        self.seed = seed
        self.behaviour = self.first_behaviour
        self.store = Store(self.behaviour.id_layout, path)
        self.tokens = Tokens()
        self.faults = Faults(random.Random(seed))
        self.calls = CallCounter()

    def reset(self, behaviour: Behaviour | None = None) -> None:
        """Start over as a fresh installation without faults."""
        self.behaviour = behaviour or self.first_behaviour
        self.store.reset(self.behaviour.id_layout)
        self.tokens.reset()
        self.faults.reset(random.Random(self.seed))
        self.calls.reset()
