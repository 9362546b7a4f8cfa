"""What it costs to ask whether a value is known to be good, special or ours, a value of a detection at a time."""

from __future__ import annotations

import time
from random import Random
from typing import Any

from tests.support.planted import OWN_ASSETS, benign, malicious
from workers.indicators.known_good.configured import known_good_of
from workers.indicators.known_good.lists import shipped_lists
from workers.indicators.known_good.public_suffixes import public_suffixes
from workers.indicators.model import Indicator
from workers.payload.indicator_fields import read_uris
from workers.settings.model import Settings

#: How often all values are judged; the fastest round counts, in processor time.
ROUNDS = 20


def run() -> dict[str, Any]:
    """Return microseconds a value, for all of them and by type, and what loading the lists takes once a process."""
    began = time.process_time()
    known_good = known_good_of(Settings(own_assets=OWN_ASSETS))
    loaded_ms = (time.process_time() - began) * 1000
    indicators = [
        item
        for value in (*benign(), *malicious())
        for item in read_uris(value)
        if isinstance(item, Indicator)
    ]
    Random(7).shuffle(indicators)
    values = [(item.type, item.value) for item in indicators]
    types = sorted({type_ for type_, _ in values})
    return {
        "values": len(values),
        "us_per_value": _us(known_good.judge, values),
        "us_by_type": {
            name: _us(known_good.judge, [pair for pair in values if pair[0] == name]) for name in types
        },
        "loaded_once_ms": round(loaded_ms, 1),
        "lists": len(shipped_lists()) + 1,
        "entries": sum(
            len(known.names) + len(known.zones) + len(known.ranges) + len(known.texts)
            for known in (*shipped_lists(), public_suffixes())
        ),
    }


def _us(judge: Any, values: list[tuple[str, str]]) -> float:
    best = min(_round(judge, values) for _ in range(ROUNDS))
    return round(best / len(values) * 1e6, 2)


def _round(judge: Any, values: list[tuple[str, str]]) -> float:
    began = time.process_time()
    for type_, value in values:
        judge(type_, value)
    return time.process_time() - began
