"""On how many replicas of Redis a job must lie before a door says that it is accepted."""

from __future__ import annotations

from workers.errors import ServiceAway


class Replicas:
    """How many replicas must confirm what accept wrote, and the ms that they get for it."""

    __slots__ = ("count", "within_ms")

    def __init__(self, count: int = 0, within_ms: int = 500) -> None:
        self.count, self.within_ms = count, within_ms

    def check(self, confirmed: int) -> None:
        """Raise ServiceAway where fewer than `count` replicas have confirmed."""
        if confirmed < self.count:
            raise ServiceAway(
                "redis",
                f"{confirmed} of {self.count} replicas confirmed within {self.within_ms} ms; send the same again, it "
                "makes no second job. Do the replicas run? (TQ_ACCEPT_REPLICAS)",
                after=1.0,
            )


#: Redis without replicas, or with replicas that no door waits for.
NO_REPLICAS = Replicas()
