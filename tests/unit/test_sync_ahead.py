"""Fetching ahead: in order, no further than it may, and nothing that was fetched is lost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sync.gathering import Ahead


@given(count=st.integers(0, 12), taken=st.integers(0, 12), most=st.integers(1, 5))
def test_what_was_fetched_is_either_yielded_or_left_and_in_order(count: int, taken: int, most: int) -> None:
    fetched: list[int] = []

    def source() -> Iterator[int]:
        for number in range(count):
            fetched.append(number)
            yield number

    ahead = Ahead(source(), most)
    got = list(islice(ahead, taken))
    left = ahead.stop()
    assert got + left == fetched
    assert len(left) <= most


def test_what_fetching_raises_comes_after_what_was_fetched() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("no page 2")

    ahead = Ahead(source(), 4)
    pages = iter(ahead)
    assert next(pages) == 1
    with pytest.raises(ValueError, match="no page 2"):
        next(pages)
    assert ahead.stop() == []
