"""The attribute grammar, read and written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.payload.attributes import UNPARSED, read_attributes, unescape

GUIDE = "Event Domain<|random.random.com~|Target Domain<|rando-rando-1~|User-Agent<|{}console.random.com"


def read(value: Any) -> list[tuple[str, str]]:
    found, _ = read_attributes(value, field="event_attributes")
    return [(item.name, item.value) for item in found]


def warnings(value: Any) -> list[str]:
    return read_attributes(value, field="event_attributes")[1]


@pytest.mark.parametrize("wrap", ["", "\n"])
def test_the_value_of_the_guide_gives_its_three_pairs_with_and_without_the_wrap(wrap: str) -> None:
    assert read(GUIDE.format(wrap)) == [
        ("Event Domain", "random.random.com"),
        ("Target Domain", "rando-rando-1"),
        ("User-Agent", "console.random.com"),
    ]
    assert warnings(GUIDE.format(wrap)) == []


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        (None, []),
        ("", []),
        ("  ", []),
        ("a<|b~|", [("a", "b")]),  # a separator at the end
        ("a<|b<|c", [("a", "b<|c")]),  # only the first "<|" counts
        ("a<|b~|a<|b~|a<|c", [("a", "b"), ("a", "c")]),  # equal pairs once, other values stay
        ("a<|C:\\Temp\\~|Next<|x", [("a", "C:\\Temp\\"), ("Next", "x")]),  # why the escape is no backslash
        ("a<|b~!|c", [("a", "b~|c")]),
        ("a<|b~!!|c", [("a", "b~!|c")]),
        ("a<!|b<|c", [("a<|b", "c")]),
        ({"a": 1, "b": True, "c": None, "d": ["x", "y"], "e": {"f": 1}},
         [("a", "1"), ("b", "Yes"), ("d", "x"), ("d", "y"), ("e", '{"f": 1}')]),
        ([{"name": "a", "value": "b"}, {"c": "d"}, "e<|f"], [("a", "b"), ("c", "d"), ("e", "f")]),
        ('{"a": "b"}', [("a", "b")]),  # NiFi's ESCAPED strategy
        ('[{"name": "a", "value": ["b", "c"]}]', [("a", "b"), ("a", "c")]),
    ],
)  # fmt: skip
def test_attributes_are_read(value: Any, pairs: list[tuple[str, str]]) -> None:
    assert read(value) == pairs


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("a<|b~|rest", [("a", "b~|rest")]),  # belongs to the value before it
        ("lonely~|a<|b", [(UNPARSED, "lonely"), ("a", "b")]),
        ("just text", [(UNPARSED, "just text")]),
        ("<|value", [(UNPARSED, "value")]),
        ("name<|", []),
        ({"name": ""}, []),
        (7, [(UNPARSED, "7")]),
    ],
)
def test_what_does_not_parse_is_kept_with_a_warning(value: Any, pairs: list[tuple[str, str]]) -> None:
    assert read(value) == pairs
    assert "event_attributes" in warnings(value)[0]


def escape(text: str) -> str:
    """Put a `!` into every separator, as a sender does who wants it to be text."""
    return re.sub(r"([~<])(!*)\|", r"\1!\2|", text)


def write_attributes(pairs: list[tuple[str, str]]) -> str:
    """Write the grammar as a sender does."""
    return "~|".join(f"{escape(name)}<|{escape(value)}" for name, value in pairs)


TEXT = st.text(st.sampled_from("ab~<!|\\ 😀"), min_size=1, max_size=12).map(str.strip).filter(bool)
PAIRS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5, unique=True)


@given(PAIRS)
@example([("a~", "|b"), ("|", "~"), ("<", "|")])
def test_what_is_written_is_read_back(pairs: list[tuple[str, str]]) -> None:
    assert read(write_attributes(pairs)) == pairs
    assert warnings(write_attributes(pairs)) == []


@given(PAIRS)
def test_a_naive_splitter_cuts_what_we_write_at_the_right_places(pairs: list[tuple[str, str]]) -> None:
    segments = write_attributes(pairs).split("~|")
    assert len(segments) == len(pairs)
    assert all(len(segment.split("<|")) == 2 for segment in segments)


@given(st.text(st.sampled_from("ab~<!|"), max_size=12))
def test_the_escape_is_undone(text: str) -> None:
    assert unescape(escape(text)) == text
    assert "~|" not in escape(text)
    assert "<|" not in escape(text)


@given(st.text(st.sampled_from('ab~<!|{}[]":,\n '), max_size=30))
def test_no_text_gets_lost(text: str) -> None:
    joined = "".join(name + value for name, value in read(text))
    told = "".join(warnings(text))
    for letter in "ab":
        assert (letter in joined) or (letter in told) or letter not in text
