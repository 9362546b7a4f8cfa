"""Logs and console: secrets as stars, nothing that a terminal obeys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.printable import printable
from workers.config import Secret
from workers.logs import masked


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"password": "hunter2"}, {"password": "***"}),
        ({"password": ""}, {"password": ""}),
        ({"body": {"client_secret": "hunter2", "a": 1}}, {"body": {"client_secret": "***", "a": 1}}),
        ({"headers": [{"Authorization": "Bearer hunter2"}]}, {"headers": [{"Authorization": "***"}]}),
        ({"event": "sent Authorization: Bearer hunter2.x"}, {"event": "sent Authorization: Bearer ***"}),
        ({"url": "redis://me:hunter2@redis/0"}, {"url": "redis://me:***@redis/0"}),
        ({"value": Secret("hunter2")}, {"value": "***"}),
    ],
)
def test_a_secret_is_stars_wherever_it_stands(event: dict[str, object], expected: dict[str, object]) -> None:
    assert masked(event) == expected


@given(text=st.text())
def test_what_is_printed_has_nothing_that_a_terminal_obeys(text: str) -> None:
    assert printable(text).isprintable()


@given(text=st.text(st.characters(categories=["L", "N", "P"])))
def test_plain_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text
