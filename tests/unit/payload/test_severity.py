"""Which of two severities is the higher one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.payload.severity import severity_rank


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("Informational", "LOW"), ("low", "Medium"), ("Warning", "high"), ("HIGH", "Critical"), ("high", "Very High"),
        # numbers, of whatever scale
        ("2", "10"), ("8.5", "8.9"), ("0", "1"), ("99", "100"),
        # both, on the scale of CEF and GuardDuty
        ("5", "high"), ("low", "7"), ("High", "9"),
        # what cannot be compared is below all
        ("", "0"), ("odd", "info"), ("-3", "Info"), ("1e9", "0"), ("٣", "0"), ("P1", "low"),
    ],
)  # fmt: skip
def test_of_two_severities_the_higher_one_counts(low: str, high: str) -> None:
    assert severity_rank(low) < severity_rank(high)


@given(st.text())
def test_any_text_has_a_rank_that_redis_can_compare(text: str) -> None:
    assert 0 <= severity_rank(text) < 2**53
