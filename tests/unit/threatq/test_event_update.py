"""The part of a description that tells of the firings of an event."""

from __future__ import annotations

from workers.threatq.event_update import BEGIN, END, described


def test_the_summary_goes_before_what_the_description_says() -> None:
    assert described("What was sent.", "3 firings", 1_000) == f"{BEGIN}\n3 firings\n{END}\n\nWhat was sent."


def test_a_later_summary_takes_the_place_of_the_one_before() -> None:
    first = described("What was sent.", "3 firings", 1_000)
    assert described(first, "4 firings", 1_000) == f"{BEGIN}\n4 firings\n{END}\n\nWhat was sent."


def test_a_text_that_only_mentions_the_marks_stays_whole() -> None:
    sent = f"It said {END} and {BEGIN}."
    assert described(sent, "3 firings", 1_000).endswith(f"\n\n{sent}")


def test_of_a_description_that_is_too_long_the_end_is_cut() -> None:
    long = described("x" * 500, "3 firings", 200)
    assert len(long) <= 200
    assert long.startswith(BEGIN)
