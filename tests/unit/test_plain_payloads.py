"""The quick reader: exactly what the careful one reads, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.jobs import Job, canonical, compact
from workers.payload.plain import read_plain
from workers.payload.reading import Payload, read_payloads

LIMIT = 1_000_000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), values, max_size=4)


def careful(data: bytes) -> list[Any]:
    return [
        (one.body, one.warnings) if isinstance(one, Payload) else one
        for one in read_payloads(data, max_bytes=LIMIT)
    ]


@given(bodies=st.lists(objects, min_size=1, max_size=4), ascii_only=st.booleans(), as_array=st.booleans())
@example(bodies=[{"a": '\x7f\u2028/\\"'}], ascii_only=False, as_array=False)
def test_it_reads_what_the_careful_reader_reads_with_the_same_identity(
    bodies: list[Any], ascii_only: bool, as_array: bool
) -> None:
    texts = [json.dumps(body, ensure_ascii=ascii_only) for body in bodies]
    data = (f"[{','.join(texts)}]" if as_array else "\n".join(texts)).encode()
    plain = read_plain(data, max_bytes=LIMIT)
    if plain is not None:
        assert [(one.body, ()) for one in plain] == careful(data)
        for one in plain:
            assert one.texts in (None, (canonical(one.body), compact(one.body)))


@given(data=st.binary() | st.text(alphabet='{}[]",:a1.e-\n \\u00').map(str.encode))
def test_whatever_it_takes_the_careful_reader_takes_without_a_warning(data: bytes) -> None:
    plain = read_plain(data, max_bytes=LIMIT)
    if plain is not None:
        assert [(one.body, ()) for one in plain] == careful(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 2}',  # a key that occurs twice is worth a warning
        b'{"a": 1.5}',  # a float, of which there is more than one text
        b"[]",
        b"[1]",
        b"",
        b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}",  # too deep
        b'\xef\xbb\xbf{"a": 1}',  # a byte order mark
    ],
)
def test_what_is_odd_is_left_to_the_careful_reader(data: bytes) -> None:
    assert read_plain(data, max_bytes=LIMIT) is None


def test_the_guides_example_goes_the_quick_way(example_payload: dict[str, object]) -> None:
    (plain,) = read_plain(json.dumps(example_payload).encode(), max_bytes=LIMIT) or []
    assert plain.texts is not None
    quick = tuple(b'{"payload":%b}' % text for text in plain.texts)
    slow = Job("events.create", {"payload": example_payload}, door="cli")
    fast = Job("events.create", {"payload": plain.body}, door="cli", texts=(quick[0], quick[1]))
    assert (fast.id, fast.body) == (slow.id, slow.body)
