"""Refusals: when to come again, and how much of a reason is said."""

from __future__ import annotations

import json

import pytest

from producers.http.problems import MOST_DETAIL, Problem, come_later


@pytest.mark.parametrize(("after_s", "said"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.2, "2"), (30, "30")])
def test_a_sender_is_never_asked_to_come_again_at_once_or_too_early(after_s: float, said: str) -> None:
    # After "Retry-After: 0" NiFi's client sends the same again without a pause.
    assert come_later("busy", "too much", after_s).headers == {"Retry-After": said}


def test_a_long_reason_is_cut_between_two_letters() -> None:
    answer = Problem(400, "not_json", "ü" * 500).response("r-1")
    detail = json.loads(bytes(answer.body))["detail"]
    assert len(detail.encode()) <= MOST_DETAIL
    assert set(detail) == {"ü", "…"}
