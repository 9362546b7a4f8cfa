"""A large collection cut into ranges of `created_at` that can be read side by side; offsets are slow at depth.

An indicator's `created_at` never changes, so that each is in one range for good. The ranges are half-open, and the
first and the last have no outer end: together they are the whole collection, except for indicators without the time, or
where ThreatQ does not know the condition. The counts show that, and the collection is then read in one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise

from msgspec import Struct, structs

from workers.threatq.changes import created_between, seconds, server_time
from workers.threatq.client import Caller
from workers.threatq.collections import PAGE_SIZE, Collection, CollectionPage, count_rows, newest
from workers.threatq.errors import ServiceRefusal

#: Ranges that are read at a time, each a page in hand.
SIDE_BY_SIDE = 12

#: A range may hold one in so many of a collection: all that are read at a time shall have work until the end.
SHARES = 2 * SIDE_BY_SIDE

#: So many times more ranges than shares are tried, since not all of them are of the same size.
SPARE = 1.5

#: Indicators below which a collection is not cut; counting would take as long as reading.
WORTH_CUTTING = 20 * PAGE_SIZE

#: A range of fewer is not cut further.
SMALLEST = 5 * PAGE_SIZE

#: The part of a collection in one range above which it is not cut: the other ranges would be read long before.
MOST_IN_ONE = 0.75

#: Where the cutting begins, the year 2000, if ThreatQ does not say when the first indicator was created.
FIRST_S = 946_684_800


#: The number of indicators of a range until they are counted.
NOT_COUNTED = -1


class NotCut(Exception):
    """A collection that must be read in one; the message says why."""


class Range(Struct, frozen=True):
    """The indicators created from a second on and before another, None where it has no such end, and their number."""

    since_s: int | None = None
    until_s: int | None = None
    count: int = 0

    def of(self, collection: Collection) -> Collection:
        """Return the part of the collection that is in the range."""
        return created_between(collection, self.since_s, self.until_s)

    def parts(self, most: int, ends: tuple[int, int]) -> list[Range]:
        """Return as many ranges of equal time as it takes for at most `most` in each, not counted yet.

        `ends` are where the first and the last range are taken to begin and to end. One that is small enough or a
        second long stays whole.
        """
        since_s = ends[0] if self.since_s is None else self.since_s
        until_s = ends[1] if self.until_s is None else self.until_s
        span_s = until_s - since_s
        number = min(math.ceil(SPARE * self.count / most), span_s)
        if self.count <= most or number < 2:
            return [self]
        bounds = [since_s + span_s * part // number for part in range(1, number)]
        return [
            Range(since, until, NOT_COUNTED)
            for since, until in pairwise([self.since_s, *bounds, self.until_s])
        ]


def cut(caller: Caller, collection: Collection, first: CollectionPage) -> list[Range]:
    """Return the ranges of a collection, of which this is the first page, the largest range first.

    Those of too many indicators are cut again until all are small, or a second long: a feed may bring a whole
    collection in a minute. One that came nearly whole in a second stays whole. Raises NotCut.
    """
    count = first.total or 0
    most = max(math.ceil(count / SHARES), SMALLEST)
    ranges, totals = [Range(count=count)], [count]
    try:
        ends = _ends(caller, collection, first)
        if _came_at_once(caller, collection, first, ends):
            return ranges
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            while (parts := [part for item in ranges for part in item.parts(most, ends)]) != ranges:
                ranges = _counted(pool, caller, collection, parts)
                together = sum(item.count for item in ranges)
                if not min(totals) <= together <= max(totals):
                    # Indicators may have come or gone since.
                    totals.append(_count(caller, collection))
                if not min(totals) <= together <= max(totals):
                    raise NotCut(f"it has {totals[-1]:,} indicators, and {together:,} by their created_at")
    except ServiceRefusal as refusal:
        raise NotCut(f"ThreatQ does not count by created_at: {refusal}") from None
    ranges = sorted(_joined(ranges, most), key=lambda item: -item.count)
    return ranges if ranges[0].count <= MOST_IN_ONE * count else [Range(count=count)]


def _ends(caller: Caller, collection: Collection, first: CollectionPage) -> tuple[int, int]:
    """Return when the oldest and the newest were created, as far as is known; a wrong guess costs some counts."""
    oldest, last = next(iter(first.rows), None), newest(caller, collection)
    oldest_s = seconds(oldest.created_at or "") if oldest else None
    # A ThreatQ that does not sort gives the first once more.
    is_last = last is not None and oldest is not None and last.id > oldest.id
    newest_s = seconds(last.created_at or "") if is_last and last else None
    until_s = int(server_time(caller) or time.time()) if newest_s is None else newest_s + 1
    return min(FIRST_S if oldest_s is None else oldest_s, until_s), until_s


def _came_at_once(
    caller: Caller, collection: Collection, first: CollectionPage, ends: tuple[int, int]
) -> bool:
    """Tell whether the second of the whole first page brought too many to cut; if so, one count saves fifty."""
    since_s, until_s = ends
    if until_s - since_s < 2 or len({row.created_at for row in first.rows}) > 1:
        return False
    that_second = Range(since_s, since_s + 1).of(collection)
    return _count(caller, that_second) > MOST_IN_ONE * (first.total or 0)


def _counted(pool: Executor, caller: Caller, collection: Collection, ranges: list[Range]) -> list[Range]:
    """Return the ranges, each with its number of indicators."""
    new = [item for item in ranges if item.count == NOT_COUNTED]
    contexts, parts = [copy_context() for _ in new], [item.of(collection) for item in new]
    counts = pool.map(lambda context, part: context.run(_count, caller, part), contexts, parts)
    return [
        structs.replace(item, count=next(counts)) if item.count == NOT_COUNTED else item for item in ranges
    ]


def _count(caller: Caller, collection: Collection) -> int:
    count = count_rows(caller, collection)
    if count is None:
        raise NotCut("ThreatQ does not say how many indicators a range holds")
    return count


def _joined(ranges: list[Range], most: int) -> Iterator[Range]:
    """Yield the ranges, those joined that are small together, or empty: each costs at least one call."""
    last = ranges[0]
    for item in ranges[1:]:
        if last.count + item.count <= max(most, last.count, item.count):
            last = Range(last.since_s, item.until_s, last.count + item.count)
        else:
            yield last
            last = item
    yield last
