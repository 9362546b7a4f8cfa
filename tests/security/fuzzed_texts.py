"""Good texts with anything in them changed: cut, doubled, or with something hostile put in."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tests.security.corpus import UNITS

#: What is put into a text, besides the units that a careless reader is slow with.
HOSTILE: tuple[bytes, ...] = (
    b"[" * 1_500, b'{"a":' * 1_500, b"9" * 1_500, b"-", b"1e999", b"NaN", b"null", b"true", b'"',
    b"\\ud800", b"\\u0000", b"\xff",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\n", b"\r", b"{", b"}", b"[", b"]", b",", b":", b"&a ", b"*a",
    b"<<: ", b"!!binary ", b"? ", b"---\n", b"\x1f\x8b",
    *(unit.encode("utf-8", "surrogatepass") for unit in UNITS.values()),
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, good: tuple[bytes, ...]) -> bytes:
    """Draw one of `good` with up to four changes, or any bytes."""
    text = draw(st.one_of(st.sampled_from(good), st.binary(max_size=100)))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        put_in = draw(
            st.one_of(st.sampled_from(HOSTILE), st.just(text[start:end] * 2), st.binary(max_size=8))
        )
        kept_from = draw(st.sampled_from([start, end]))
        text = text[:start] + put_in + text[kept_from:]
    return text


def in_json(value: object) -> bytes:
    """Return `value` as JSON."""
    return json.dumps(value).encode()
