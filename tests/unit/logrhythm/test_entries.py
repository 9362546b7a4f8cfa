"""The incremental reading of a list's items, on generated lists, borders and spacings."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.logrhythm import entries
from workers.logrhythm.entries import Broken, ItemScanner

#: Values that look like the structure around them, and any others.
VALUES = st.one_of(
    st.sampled_from(
        ["},{", '"},{"', "]}", '","value":"x"},{"', "\\", '\\"', '"items":[', "{", "[", "", "é\u2028"]
    ),
    st.text(max_size=20),
)
SUMMARIES = st.dictionaries(
    st.sampled_from(["name", "longDescription", "useContext", "autoImportOption", "entryCount"]),
    st.one_of(
        VALUES, st.integers(), st.just({"items": [{"value": "not an item"}]}), st.just(["items", "[", "{"])
    ),
)


def _item(value: str) -> dict[str, Any]:
    return {"displayValue": value, "expirationDate": None, "isListItem": False, "value": value}


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], list[str], bytes]:
    """A list, the values in it, and its JSON with `items` anywhere and spaced in any way."""
    values = draw(st.lists(VALUES, max_size=12))
    before, after = draw(SUMMARIES), draw(SUMMARIES)
    summary = {**before, **{f"{key}2": value for key, value in after.items()}}
    told = {
        **before,
        "items": [_item(v) for v in values],
        **{f"{key}2": value for key, value in after.items()},
    }
    spacing: dict[str, Any] = draw(
        st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"separators": (" ,\n", " : ")}])
    )
    return summary, values, json.dumps(told, ensure_ascii=draw(st.booleans()), **spacing).encode()


def _scan(pieces: list[bytes]) -> tuple[list[str], dict[str, Any], int]:
    scanner = ItemScanner()
    values = [value for piece in pieces for value in scanner.feed(piece)]
    last, summary = scanner.close()
    return values + last, summary, scanner.count


def _cut(text: bytes, borders: list[int]) -> list[bytes]:
    at = [0, *sorted(border % (len(text) + 1) for border in borders), len(text)]
    return [text[a:b] for a, b in pairwise(at)]


@given(answers(), st.lists(st.integers(min_value=0), max_size=12), st.sampled_from([60, 400, 1 << 20]))
def test_every_value_comes_out_wherever_the_pieces_are_cut(
    answer: tuple[dict[str, Any], list[str], bytes], borders: list[int], block: int
) -> None:
    summary, values, text = answer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "BLOCK_BYTES", block)
        got, told, count = _scan(_cut(text, borders))
    assert got == values
    assert count == len(values)
    assert {**told, "items": None} == {**summary, "items": None}


@given(answers(), st.integers(min_value=0), st.sampled_from([60, 1 << 20]))
def test_an_answer_that_ends_early_is_never_taken_for_a_list(
    answer: tuple[dict[str, Any], list[str], bytes], end: int, block: int
) -> None:
    text = answer[2]
    pieces = _cut(text[: end % len(text)], [end // 3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "BLOCK_BYTES", block)
        with pytest.raises(Broken):
            _scan(pieces)


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    try:
        _scan([noise])
    except Broken:
        return
    assert json.loads(noise).__class__ is dict


def test_an_entry_that_stands_for_another_list_counts_but_has_no_value() -> None:
    text = b'{"items":[{"value":"a"},{"isListItem":true,"value":"","valueAsListReference":{"listId":3}}]}'
    assert _scan([text]) == (["a"], {"items": []}, 2)


def test_numbers_become_text() -> None:
    assert _scan([b'{"items":[{"value":443},{"value":"b"}]}'])[0] == ["443", "b"]


def test_a_list_without_items_is_empty() -> None:
    assert _scan([b'{"name":"x","entryCount":0}']) == ([], {"name": "x", "entryCount": 0}, 0)


def test_a_comma_after_the_last_item_is_refused() -> None:
    with pytest.raises(Broken):
        _scan([b'{"items":[{"value":"a"},]}'])


def test_something_endless_without_items_is_given_up() -> None:
    with pytest.raises(Broken, match="documented shape"):
        _scan([b'"' + b"x" * (entries.MAX_CHUNK_BYTES + 1)])
