"""What Celery's events tell of a job, and what they keep to themselves."""

from __future__ import annotations

import pytest

from workers.tasks.job_events import MOST_TEXT, redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # a detection's name and its address
        ("CreateUser from 1.2.3.4", "CreateUser from …"),
        # what a person is called by machines
        ("sign-in of eve@example.com, failed", "sign-in of … failed"),
        # names of hosts, paths and URLs
        ("https://bad.example/x on C:\\\\temp and web01", "… on … and …"),
        # plain words with their punctuation
        ("event_type: is missing or empty.", "event_type: is missing or empty."),
        # a word that is none
        ("a" * 25, "…"),
    ],
)
def test_what_may_tell_of_a_person_a_host_or_a_value_is_left_out(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_a_long_text_is_cut() -> None:
    assert len(redacted("word " * 1_000)) <= MOST_TEXT
