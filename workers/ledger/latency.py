"""How long jobs took from their acceptance until they were done, as `settle` counts it in buckets.

The first bucket holds what took up to 25 ms, each further one up to twice as much as the one before, the last one all
that took longer than a day.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from workers.ledger import keys
from workers.ledger.client import RedisClient

#: Seconds of the first bucket, and the number of the last one, without an end (lua/settle.lua says the same).
FIRST_S, LAST = 0.025, 23

#: How the fields of a minute begin that count by bucket.
MINUTE = "took:"


class Latency(Struct):
    """Counts by the number of the bucket, and the seconds of all jobs together."""

    counts: dict[int, int] = field(default_factory=dict)
    sum_s: float = 0.0

    @property
    def total(self) -> int:
        """The number of jobs."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> float | None:
        """Return the seconds within which `share` of the jobs were done, None for no jobs: the end of their bucket."""
        rank, seen = share * self.total, 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank and seen:
                return bound_s(min(bucket, LAST - 1))
        return None

    def cumulative(self) -> list[tuple[str, float]]:
        """Return for each bucket its end in seconds and how many jobs took no longer, as Prometheus has it."""
        rows, seen = [], 0
        for bucket in range(LAST + 1):
            seen += self.counts.get(bucket, 0)
            rows.append(("+Inf" if bucket == LAST else f"{bound_s(bucket):g}", float(seen)))
        return rows


def bound_s(bucket: int) -> float:
    """Return the seconds at which a bucket ends."""
    return FIRST_S * 2.0**bucket


def latencies(redis: RedisClient) -> dict[tuple[str, str], Latency]:
    """Return how long the jobs of each kind and producer took since the ledger began; raises ServiceAway("redis")."""
    read: dict[tuple[str, str], Latency] = {}
    for name, count in redis.hgetall(keys.LATENCY).items():
        label, _, bucket = name.decode().rpartition(" ")
        kind, _, producer = label.partition(":")
        latency = read.setdefault((kind, producer), Latency())
        if bucket == "ms":
            latency.sum_s = int(count) / 1000
        else:
            latency.counts[int(bucket)] = int(count)
    return read


def of_minute(fields: Mapping[bytes, bytes]) -> Latency:
    """Return how long the jobs took that were done in one minute, from the fields of its counts."""
    prefix = MINUTE.encode()
    return Latency(
        {int(name[len(prefix) :]): int(count) for name, count in fields.items() if name.startswith(prefix)}
    )
