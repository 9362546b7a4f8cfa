"""Bytes from a producer to payloads and refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.payload.reading import Payload, ReadingRefused, read_payloads

LIMIT = 1_000_000


def read(data: bytes | str, *, max_bytes: int = LIMIT, lenient: bool = False) -> list[Any]:
    """Return the bodies, and the refusals as they are."""
    found = read_payloads(data, max_bytes=max_bytes, lenient=lenient)
    assert [item.position for item in found] == list(range(1, len(found) + 1))
    return [item.body if isinstance(item, Payload) else item for item in found]


def only(data: bytes | str, **options: Any) -> Payload | ReadingRefused:
    (found,) = read_payloads(data, **({"max_bytes": LIMIT, "lenient": False} | options))
    return found


def refusal(data: bytes | str, **options: Any) -> ReadingRefused:
    found = only(data, **options)
    assert isinstance(found, ReadingRefused)
    return found


A, B = {"a": 1}, {"b": "[{]}"}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}{"b": "[{]}"}',  # NiFi's MergeContent without delimiter
        '{"a": 1}\n{"b": "[{]}"}\n',  # NDJSON
        '{"a": 1}\r\n\r\n{"b": "[{]}"}',
        '[{"a": 1}, {"b": "[{]}"}]',  # NiFi's record writer
        '[{"a": 1}]\n[{"b": "[{]}"}]',  # several arrays merged
        '{"a": 1},\n{"b": "[{]}"}',  # with a comma as delimiter
        '\x1e{"a": 1}\n\x1e{"b": "[{]}"}\n',  # JSON text sequences (RFC 7464)
    ],
)
def test_several_payloads_are_read_however_they_are_put_together(text: str) -> None:
    assert read(text) == [A, B]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]
)
def test_every_unicode_encoding_is_read_with_or_without_its_mark(encoding: str) -> None:
    assert read('{"a": "é😀"}'.encode(encoding)) == [{"a": "é😀"}]


def test_bytes_that_are_not_utf8_are_kept_with_a_warning() -> None:
    found = only(b'{"a": "caf\xe9"}')
    assert isinstance(found, Payload)
    assert found.body == {"a": "caf\udce9"}
    assert "UTF-8" in found.warnings[0]


@pytest.mark.parametrize("data", ["", "  \n", b"", b"\xef\xbb\xbf", "[]"])
def test_empty_input_is_refused(data: bytes | str) -> None:
    assert "empty" in refusal(data).reason


@pytest.mark.parametrize("text", ["1", '"text"', "null", "true", "[[1]]", "[null]"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert "JSON object" in refusal(text).reason


@pytest.mark.parametrize("text", ["hello", "{", '{"a" 1}', '{"a": }', "[{]", '{"a": "b', "-", "'"])
def test_what_is_not_json_is_refused_with_its_text(text: str) -> None:
    found = read(text)
    assert found
    assert all(isinstance(item, ReadingRefused) for item in found)


def test_the_place_of_the_fault_is_named() -> None:
    assert "line 2, column 6" in refusal('{"a": 1,\n "b" 2}').reason
    assert refusal('{"event_name":"x').reason.startswith(
        "not JSON: Unterminated string starting at line 1, column 15"
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_line_that_is_cut_short_within_a_text_is_named_and_not_the_good_one_after_it(line_end: str) -> None:
    text = line_end.join(['{"a": 1}', '{"a": "cut', '{"a": 3}'])
    _, refused, last = read(text)
    assert refused.reason == "not JSON: the line ends within a text, at line 2, column 11"
    assert last == {"a": 3}


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused_by_its_name(constant: str) -> None:
    assert constant.lstrip("-") in refusal(f'{{"a": {constant}}}').reason


def test_numbers_beyond_reason_are_kept_as_text_with_a_warning() -> None:
    found = only(f'{{"a": 1e999, "b": {"9" * 5_000}}}')
    assert isinstance(found, Payload)
    assert found.body == {"a": "1e999", "b": "9" * 5_000}
    assert len(found.warnings) == 2


def test_of_a_key_that_occurs_twice_the_last_one_counts_with_a_warning() -> None:
    found = only('{"a": 1, "a": 2}')
    assert isinstance(found, Payload)
    assert found.body == {"a": 2}
    assert '"a"' in found.warnings[0]


def test_control_characters_in_a_string_are_taken_with_a_warning() -> None:
    found = only('{"a": "x\ny"}')
    assert isinstance(found, Payload)
    assert found.body == {"a": "x\ny"}
    assert "control characters" in found.warnings[0]


def test_quotes_that_the_shell_removed_are_recognised() -> None:
    assert "-p @file" in refusal("{event_type: Sighting}").reason


def test_a_python_literal_is_taken_from_people_only() -> None:
    text = "{'event_type': None, 'n': (1, 2), 'path': 'C:\\d'}"
    found = only(text, lenient=True)
    assert isinstance(found, Payload)
    assert found.body == {"event_type": None, "n": [1, 2], "path": "C:\\d"}
    assert "Python" in found.warnings[0]
    assert isinstance(only(text), ReadingRefused)


@pytest.mark.parametrize(
    "text", ["{'a': {1, 2}}", "{'a': b'x'}", "{'a': __import__('os')}", "{'a': 1e999}", "{'a"]
)
def test_a_python_literal_that_is_no_json_is_refused(text: str) -> None:
    assert refusal(text, lenient=True)


def test_a_payload_over_the_limit_is_refused_by_the_limit() -> None:
    text = json.dumps({"a": "x" * 100})
    assert "100 (TQ_MAX_PAYLOAD_BYTES)" in refusal(text, max_bytes=100).reason
    assert isinstance(only(text, max_bytes=len(text)), Payload)
    assert isinstance(only(text, max_bytes=len(text) - 1), ReadingRefused)


def test_the_limit_counts_bytes_and_not_characters() -> None:
    text = json.dumps({"a": "é" * 100}, ensure_ascii=False)
    assert isinstance(only(text, max_bytes=len(text)), ReadingRefused)


def test_the_limit_is_for_each_payload_of_a_batch() -> None:
    large = {"a": "x" * 100}
    text = json.dumps([A, large, B])
    first, second, third = read(text, max_bytes=50)
    assert (first, third) == (A, B)
    assert second.raw == json.dumps(large)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}\n{broken}\n{"b": "[{]}"}',
        '{"a": 1}\n{"c": "open\n{"b": "[{]}"}',
        '{"a": 1}{"c" 1}{"b": "[{]}"}',
        '[{"a": 1}, {"c": NaN}, {"b": "[{]}"}]',
        '[{"a": 1}, {"c" [1]}, {"b": "[{]}"}]',
        '[{"a": 1}, 7, {"b": "[{]}"}]',
        '{"a": 1}\n' + '{"c":' * 3_000 + "1" + "}" * 3_000 + '\n{"b": "[{]}"}',
        '[{"a": 1}, {"c": ' + "[" * 100_000 + "]" * 100_000 + '}, {"b": "[{]}"}]',
    ],
)
def test_one_bad_payload_of_a_batch_costs_no_good_one(text: str) -> None:
    first, second, third = read(text)
    assert (first, third) == (A, B)
    assert isinstance(second, ReadingRefused)


def test_after_a_thousand_faults_the_rest_is_refused_as_one() -> None:
    found = read("{x\n" * 200_000)
    assert len(found) == 1_001
    assert "".join(item.raw for item in found).count("{x") == 200_000


def test_a_payload_may_be_64_levels_deep_and_no_more() -> None:
    assert isinstance(only('{"a":' * 64 + "1" + "}" * 64), Payload)
    assert "64" in refusal('{"a":' * 65 + "1" + "}" * 65).reason
    assert "64" in refusal('{"a":' * 100_000 + "1" + "}" * 100_000).reason
    assert isinstance(only(json.dumps({"a": [[]] * 100})), Payload)


OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)


@given(
    st.lists(OBJECTS, min_size=1, max_size=5),
    st.sampled_from(["", "\n", "\r\n", " ", ",", ",\n"]),
    st.booleans(),
    st.booleans(),
)
def test_what_is_written_is_read_back(bodies: list[Any], gap: str, ascii_only: bool, as_array: bool) -> None:
    if as_array:
        text = json.dumps(bodies, ensure_ascii=ascii_only)
    else:
        text = gap.join(json.dumps(body, ensure_ascii=ascii_only) for body in bodies)
    assert read(text) == bodies
    assert read(text, lenient=True) == bodies


@given(
    st.binary(max_size=200) | st.text(st.sampled_from('{}[]",:\\ \n1aNu\x00\x1e'), max_size=60), st.booleans()
)
def test_any_input_gives_payloads_and_refusals(data: bytes | str, lenient: bool) -> None:
    for item in read_payloads(data, max_bytes=100, lenient=lenient):
        assert isinstance(item, Payload) or item.reason


def test_a_key_that_occurs_twice_is_named_in_text_that_every_output_can_show() -> None:
    (found,) = read_payloads('{"\\ud800": 1, "\\ud800": 2}', max_bytes=1_000)
    assert isinstance(found, Payload)
    assert found.warnings == ('the key "\\ud800" occurs more than once; the last one counts',)
