"""A range is on the lists that have any address of it, however many stretches it covers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.indicators.known_good.index import Index
from workers.indicators.known_good.model import KnownList

#: Two lists with a thousand short ranges, and one with a single one among them.
LISTS = [
    KnownList("even", ranges=tuple((start, start + 2) for start in range(0, 10_000, 10))),
    KnownList("odd", ranges=tuple((start, start) for start in range(5, 10_000, 10))),
    KnownList("single", ranges=((7_001, 7_004),)),
]
INDEX = Index(LISTS)


@given(st.integers(0, 10_100), st.sampled_from([0, 1, 9, 300, 10_000]) | st.integers(0, 10_000))
def test_a_range_is_on_each_list_that_has_an_address_of_it(first: int, length: int) -> None:
    last = first + length
    expected = sum(
        1 << number
        for number, known in enumerate(LISTS)
        if any(begin <= last and first <= end for begin, end in known.ranges)
    )
    assert INDEX.reach(first, last) == expected
