"""A request's headers, looked up in constant time, and its body: whole, inflated and within its limits."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request

from producers.http.budget import ByteBudget
from producers.http.problems import Problem, come_later
from workers.core.errors import InputError

Answer = TypeVar("Answer")

#: Bytes above which a body is inflated and read in a thread, so that no other request waits for it.
READ_ASIDE = 16_384

#: Seconds of processor time after which a small one goes there too, and is begun again: it may hold a hundred
#: documents, or have a mapping of the user's own that is slow.
ON_LOOP_S = 0.01

#: Bytes to which a small body is inflated on the event loop, and threads that read larger ones: more would take turns.
_AT_ONCE, READING_THREADS = 262_144, 2

#: Bytes beyond the limit that are still read, so that the sender gets to see the answer.
_DISCARDED = 64 * 1024 * 1024

#: Seconds in which a body must have arrived.
_ARRIVES_WITHIN_S = 60.0

#: How often a body may be gzip in gzip: by the writer, and by InvokeHTTP on top.
_MOST_WRAPPINGS = 2

_GZIP = b"\x1f\x8b"

#: Bytes of a gzip body that are inflated at a time, and members that it may have.
_PIECE, _MOST_MEMBERS = 4_096, 10_000

#: Where a request's scope carries the body that came with its head.
WHOLE_BODY = "tq.body"

_PADDING = re.compile(rb"\0*")

#: Content codings that are understood; the body itself says whether it is gzip.
_CODINGS = frozenset({"", "identity", "gzip", "x-gzip"})


async def read_body(request: Request, *, most_bytes: int, bodies: Bodies | None = None) -> bytes:
    """Return the body as the sender had it before compressing; raises Problem.

    Content-Type is not looked at, since NiFi sends what an attribute happens to hold, except to recognise
    the two forms that hold no JSON. A large body waits for its share of `bodies`, which the request holds to its end.
    """
    _refuse_wrapped(request)
    if header(request, b"content-encoding").strip().lower() not in _CODINGS:
        raise Problem(415, "unsupported_encoding", "Content-Encoding must be gzip or absent")
    data: bytes | None = request.scope.get(WHOLE_BODY)
    if data is None:
        data = await _in_time(request, most_bytes, bodies)
    elif len(data) > most_bytes:
        raise _too_large(f"{len(data)} bytes", most_bytes)
    for _ in range(_MOST_WRAPPINGS):
        if data.startswith(_GZIP):
            data = await _inflated(request, data, most_bytes, bodies)
    if bodies and len(data) > READ_ASIDE:
        await bodies.read.take(request.scope, len(data))
    return data


async def _in_time(request: Request, most_bytes: int, bodies: Bodies | None) -> bytes:
    try:
        async with asyncio.timeout(_ARRIVES_WITHIN_S):
            return await _received(request, most_bytes, bodies)
    except TimeoutError as error:
        raise come_later(
            "slow_body", f"the body did not arrive within {_ARRIVES_WITHIN_S:.0f} s", 1
        ) from error


async def _inflated(request: Request, data: bytes, most_bytes: int, bodies: Bodies | None) -> bytes:
    """Inflate beside the event loop what is or becomes large; only so many bytes at a time."""
    at_once = min(most_bytes, _AT_ONCE)
    if len(data) <= READ_ASIDE:
        try:
            return inflate(data, most_bytes=at_once)
        except BodyTooLarge:
            if at_once == most_bytes:
                raise
    if bodies is None:
        return inflate(data, most_bytes=most_bytes)
    await bodies.read.take(request.scope, most_bytes)
    inflated = await bodies.aside(partial(inflate, data, most_bytes=most_bytes))
    bodies.read.keep(request.scope, len(inflated))
    return inflated


class Bodies:
    """What large bodies share: bytes that are received, bytes that are read, and the threads in which they are read."""

    def __init__(self, most_bytes: int) -> None:
        self.received = ByteBudget("received", most_bytes)
        self.read = ByteBudget("read", most_bytes)
        self._threads = CapacityLimiter(READING_THREADS)
        self._slow_thread = CapacityLimiter(1)

    async def aside(self, act: Callable[[], Answer], *, slow: bool = False) -> Answer:
        """Return what `act` returns or raises, which would keep all other requests waiting on the event loop.

        `slow`: what is small and yet takes long has a thread of its own, so that no large body waits for it either.
        """
        outcome = await run_sync(_outcome, act, limiter=self._slow_thread if slow else self._threads)
        try:
            if isinstance(outcome, Problem | InputError):
                raise outcome
            return outcome
        finally:
            # The traceback that it now has holds this frame, which would hold it.
            del outcome

    def release(self, request: Request) -> None:
        """Give back all that a request held."""
        self.received.keep(request.scope, 0)
        self.read.keep(request.scope, 0)


def _outcome(act: Callable[[], Answer]) -> Answer | Problem | InputError:
    """Return a refusal instead of raising it: a traceback would hold the whole body until the collector comes."""
    try:
        return act()
    except (Problem, InputError) as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


def inflate(data: bytes, *, most_bytes: int) -> bytes:
    """Inflate gzip, several members too; never makes more than `most_bytes`. Raises Problem."""
    whole = bytearray()
    for count, member in enumerate(_members(data, most_bytes), 1):
        whole += member
        if len(whole) > most_bytes:
            raise _too_large(f"more than {most_bytes} bytes when inflated", most_bytes)
        if count == _MOST_MEMBERS:
            raise Problem(400, "bad_gzip", f"the gzip body has more than {_MOST_MEMBERS} members; send one")
    return bytes(whole)


def _members(data: bytes, most_bytes: int) -> Iterator[bytes]:
    """Yield each member of a gzip body inflated, at most one byte more than `most_bytes` of it."""
    start, end = 0, len(data)
    while start < end:
        member = zlib.decompressobj(wbits=31)
        parts: list[bytes] = []
        size = 0
        try:
            # In pieces: what follows a member is copied for each, and would be copied whole.
            while start < end and not member.eof and size <= most_bytes:
                piece = data[start : start + _PIECE]
                parts.append(member.decompress(piece, most_bytes - size + 1))
                size += len(parts[-1])
                start += len(piece) - len(member.unused_data)
        except zlib.error as error:
            raise Problem(
                400, "bad_gzip", f"the body begins like gzip but cannot be inflated ({error})"
            ) from error
        yield b"".join(parts)
        if not member.eof:
            raise Problem(400, "bad_gzip", "the gzip body is cut short")
        start = _behind_padding(data, start)


def _behind_padding(data: bytes, start: int) -> int:
    padding = _PADDING.match(data, start)
    return padding.end() if padding else start


async def _received(request: Request, most_bytes: int, bodies: Bodies | None) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= most_bytes:
            chunks.append(chunk)
        elif size > most_bytes + _DISCARDED:
            break
        if more and bodies:
            await bodies.received.take(request.scope, _length(request, most_bytes))
    if size > most_bytes:
        raise _too_large(f"{size} bytes", most_bytes)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _length(request: Request, most_bytes: int) -> int:
    """Return how many bytes a body will have, `most_bytes` where its head does not say."""
    length = header(request, b"content-length")
    return min(int(length), most_bytes) if length.isdecimal() else most_bytes


class BodyTooLarge(Problem):
    """The body is larger than its limit."""


def _too_large(size: str, most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        413,
        "body_too_large",
        f"the body has {size}, the limit is {most_bytes} (TQ_HTTP_MAX_BODY_BYTES); send smaller batches",
    )


def _refuse_wrapped(request: Request) -> None:
    kind = header(request, b"content-type").lower()
    if kind.startswith("multipart/"):
        raise Problem(
            415,
            "multipart",
            "multipart is not read; clear Request Multipart Form-Data Name and send plain JSON",
        )
    if kind.startswith("application/flowfile"):
        raise Problem(415, "flowfile", "FlowFile packages are not read; turn Send as FlowFile off")


def header(request: Request, name: bytes) -> str:
    """Return a header by its name in small letters, or "" where there is none."""
    headers: dict[bytes, bytes] | None = request.scope.get("tq.headers")
    if headers is None:
        headers = request.scope["tq.headers"] = dict(request.scope["headers"])
    return headers.get(name, b"").decode("latin-1")
