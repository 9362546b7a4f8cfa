"""The quick reader: exactly what the careful one reads, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.core.jobs import Job, canonical, compact
from workers.payload.intake import Intake, accepted_only
from workers.payload.json_text import Plain, read_plain, split
from workers.payload.reading import Payload, read_payloads

LIMIT = 1_000_000

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), values, max_size=4)


def quick(data: bytes) -> list[Plain | None]:
    return [read_plain(text, max_bytes=LIMIT) for text in split(data)]


def careful(data: bytes) -> list[Any]:
    return [
        (item.body, item.warnings) if isinstance(item, Payload) else item
        for item in read_payloads(data, max_bytes=LIMIT)
    ]


@given(bodies=st.lists(objects, min_size=1, max_size=4), ascii_only=st.booleans(), as_array=st.booleans())
@example(bodies=[{"a": '\x7f\u2028/\\"'}], ascii_only=False, as_array=False)
def test_it_reads_what_the_careful_reader_reads_with_the_same_identity(
    bodies: list[Any], ascii_only: bool, as_array: bool
) -> None:
    texts = [json.dumps(body, ensure_ascii=ascii_only) for body in bodies]
    data = (f"[{','.join(texts)}]" if as_array else "\n".join(texts)).encode()
    found = quick(data)
    assert len(found) in (0, len(bodies))
    for plain, read in zip(found, careful(data), strict=False):
        if plain is not None:
            body, texts = plain
            assert (body, ()) == read
            assert texts in (None, (canonical(body), compact(body)))


@given(data=st.binary() | st.text(alphabet='{}[]",:a1.e-\n \\u00').map(str.encode))
def test_whatever_it_takes_the_careful_reader_takes_without_a_warning(data: bytes) -> None:
    found = quick(data)
    if found and None not in found:
        assert [(plain[0], ()) for plain in found if plain] == careful(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 2}',  # a key that occurs twice is worth a warning
        b'{"a": 1, "a": 2, "b": "\\u0022\\u0022"}',
        b'{"a": 1.5}',  # a float, of which there is more than one text
        b"[]",
        b"[1]",
        b"",
        b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}",  # too deep
        b'\xef\xbb\xbf{"a": 1}',  # a byte order mark
    ],
)
def test_what_is_odd_is_left_to_the_careful_reader(data: bytes) -> None:
    assert not any(quick(data))


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("indent", [None, 2])
def test_however_it_is_laid_out_it_goes_the_quick_way_with_one_text(
    separators: tuple[str, str], indent: int | None, example_payload: dict[str, object]
) -> None:
    data = json.dumps(example_payload, separators=separators, indent=indent).encode()
    for text in (data, b"[%b, %b]" % (data, data), b"%b\r\n%b\n" % (data, data), data + data):
        assert {found[1] if found else None for found in quick(text)} == {
            (canonical(example_payload), compact(example_payload))
        }


def test_the_guides_example_goes_the_quick_way(example_payload: dict[str, object]) -> None:
    slow = Job("events.create", {"payload": example_payload}, producer="cli")
    (fast,) = Intake("http", LIMIT).jobs(json.dumps(example_payload).encode())
    assert isinstance(fast, Job)
    assert (fast.id, fast.body) == (slow.id, slow.body)


def test_one_odd_payload_sends_no_other_the_careful_way(example_payload: dict[str, object]) -> None:
    rows = [json.dumps({**example_payload, "malware": odd}) for odd in ("a", 1.5, "é", "b")]
    found = quick("\n".join(rows).encode())
    assert [plain is not None for plain in found] == [True, False, True, True]
    expected = [Job("events.create", {"payload": json.loads(row)}, producer="cli").id for row in rows]
    assert [job.id for job in accepted_only(Intake("http", LIMIT).jobs("\n".join(rows).encode()))] == expected
