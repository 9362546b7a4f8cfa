"""The drawing of how long jobs took from acceptance to done: the median and the 99th percentile, minute by minute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from workers.core.text import age
from workers.ledger.latency import FIRST_S, Latency
from workers.ledger.throughput import Minute

#: The drawing's units; the browser scales it to the width that there is.
WIDTH, HEIGHT = 720, 110

#: Doublings of time that the height has at least, so that a quiet hour is no zigzag.
LEAST_SPAN = 4

#: The shares of jobs that are drawn, by the class of their line.
SHARES = {"p50": 0.5, "p99": 0.99}


class Mark(Struct, frozen=True):
    """A minute in which jobs were done: where it stands, when it began, and within how long a share was done."""

    x: float
    at_ms: int
    count: int
    p50: str
    p99: str


class LatencyChart(Struct, frozen=True):
    """Lines by the class that they are drawn in, each as points of one stretch; the scale; and the hour as a whole.

    The height is logarithmic: each doubling of time takes as much of it.
    """

    lines: list[tuple[str, str]]
    marks: list[Mark]
    scale: list[tuple[float, str]]
    step: float
    p50: str
    p99: str
    count: int


def latency_chart(minutes: Sequence[Minute]) -> LatencyChart:
    """Return the drawing of `minutes`, the oldest at the left; a minute without a done job interrupts the lines."""
    step = WIDTH / max(len(minutes), 1)
    low, high = _span([minute.took for minute in minutes])
    places = [(round((index + 0.5) * step, 1), minute) for index, minute in enumerate(minutes)]
    hour = Latency()
    for minute in minutes:
        for bucket, count in minute.took.counts.items():
            hour.counts[bucket] = hour.counts.get(bucket, 0) + count
    return LatencyChart(
        lines=[(name, points) for name in SHARES for points in _stretches(places, name, low, high)],
        marks=[
            Mark(x, minute.at_ms, minute.took.total, _shown(minute.took, "p50"), _shown(minute.took, "p99"))
            for x, minute in places
            if minute.took.total
        ],
        scale=[(_y(power, low, high), lasts(2.0**power)) for power in (high, (low + high) / 2, low)],
        step=round(step, 2),
        p50=_shown(hour, "p50"),
        p99=_shown(hour, "p99"),
        count=hour.total,
    )


def lasts(seconds: float) -> str:
    """Return a length of time as a label: 25 ms, 1.6 s, 2 min 5 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else age(seconds)


def _shown(latency: Latency, name: str) -> str:
    seconds = latency.quantile(SHARES[name])
    return "–" if seconds is None else lasts(seconds)


def _span(latencies: Sequence[Latency]) -> tuple[float, float]:
    """Return the powers of two, in seconds, at the foot and at the head of the drawing."""
    known = [took.quantile(share) for took in latencies for share in SHARES.values()]
    powers = [math.log2(seconds) for seconds in known if seconds]
    low = min(powers, default=math.log2(FIRST_S))
    return low, max(low + LEAST_SPAN, max(powers, default=low))


def _y(power: float, low: float, high: float) -> float:
    return round(HEIGHT * (high - power) / (high - low), 1)


def _stretches(places: Sequence[tuple[float, Minute]], name: str, low: float, high: float) -> list[str]:
    """Return the points of each stretch of minutes in which jobs were done; a lone minute is a short dash."""
    stretches = []
    for has_jobs, stretch in groupby(places, key=lambda place: place[1].took.total > 0):
        if has_jobs:
            points = [
                (x, _y(math.log2(minute.took.quantile(SHARES[name]) or FIRST_S), low, high))
                for x, minute in stretch
            ]
            if len(points) == 1:
                (x, y), *_ = points
                points = [(x - 3, y), (x + 3, y)]
            stretches.append(" ".join(f"{x:g},{y:g}" for x, y in points))
    return stretches
