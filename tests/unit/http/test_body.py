"""Bodies as NiFi sends them: gzip of several members, in gzip, and bombs."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from producers.http import request as http_request
from producers.http.problems import Problem
from producers.http.request import inflate, read_body


@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_all_members_are_inflated(parts: list[bytes]) -> None:
    data = b"".join(gzip.compress(part) for part in parts)
    assert inflate(data, most_bytes=1000) == b"".join(parts)


def test_a_bomb_is_refused_by_the_limit_before_it_is_whole() -> None:
    with pytest.raises(Problem, match="more than 1000 bytes when inflated") as refused:
        inflate(gzip.compress(bytes(10_000_000)), most_bytes=1000)
    assert refused.value.status == 413


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    assert len(inflate(gzip.compress(bytes(1000)), most_bytes=1000)) == 1000


@given(data=st.binary())
def test_what_only_begins_like_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(Problem) as refused:
        inflate(b"\x1f\x8b" + data, most_bytes=1000)
    assert refused.value.status in (400, 413)


def test_a_body_that_is_cut_short_is_refused() -> None:
    with pytest.raises(Problem, match="cut short"):
        inflate(gzip.compress(b"x" * 100)[:-4], most_bytes=1000)


def test_a_body_that_does_not_arrive_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "_ARRIVES_WITHIN_S", 0.01)

    async def receive() -> Message:
        await asyncio.sleep(10)
        return {"type": "http.request", "body": b"", "more_body": True}

    request = Request({"type": "http", "headers": []}, receive)
    with pytest.raises(Problem, match="did not arrive") as refused:
        asyncio.run(asyncio.wait_for(read_body(request, most_bytes=1000), 5))
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
