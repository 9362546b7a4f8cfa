"""The entries of lists: read all of them as a stream, in constant memory, and write them call by call.

An answer is `{summary…, "items": [{…}, {…}, …], summary…}` with up to a million items (308 MB). Whole runs
of items are decoded at once. A run may be cut at `},{`, unless those three characters stand inside of a value:
then what stands before them is no JSON, the decoder says so, and a slower, exact scan finds the border.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.errors import ServiceAway
from workers.core.http_session import meanwhile
from workers.logrhythm.errors import ListTooLong
from workers.logrhythm.model import ListSummary, entries, summary
from workers.logrhythm.transport import LogRhythmTransport

#: Bytes read from the connection at once; see itemscan.BLOCK_BYTES for why not more.
READ_BYTES = 64 * 1024

#: What a writer must hold across processes and machines while it sends calls.
Turn = Callable[[], AbstractContextManager[object]]

#: Seconds for which a writer keeps its turn: taking it costs half as much as a call.
TURN_S = 1.0

#: Seconds for which it then stands back: a worker that waits looks every 10 ms whether it is its turn.
STAND_BACK_S = 0.02

#: Bytes to collect before items are looked for. From 128 kB up, malloc takes each copy from fresh pages of the
#: system, which doubles the processor time of a long list (128,000 page faults for a million items; so: none).
BLOCK_BYTES = 32 * 1024

#: Bytes that a summary, or one single item, may have; beyond that this is no list. It is looked through anew for each
#: block that comes, so the time grows with its square.
MAX_CHUNK_BYTES = 256 * 1024

#: Strings and brackets. A string whose end has not arrived is one too: else each quote in it is tried as a beginning.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)

_COLON = re.compile(rb"\s*:\s*")

_COMMA = re.compile(rb"\s*,\s*")


class Writer:
    """Sends one write after the other, and only in its turn.

    A process that was asleep for longer than its turn takes it anew before it writes.
    """

    def __init__(self, transport: LogRhythmTransport, *, one_at_a_time: threading.Lock, turn: Turn) -> None:
        self._transport, self._one_at_a_time, self._turn = transport, one_at_a_time, turn
        self._turn_taken, self._until = ExitStack(), 0.0

    def add(self, target: ListSummary, values: list[str]) -> ListSummary:
        """Put `values`, a call's worth, into the list and return it as it is then."""
        return self._call("POST", target, _body(target, values))

    def remove(self, target: ListSummary, values: list[str]) -> ListSummary:
        """Take `values`, a call's worth, out of the list and return it as it is then."""
        return self._call("DELETE", target, _body(target, values))

    def carry_out(
        self, target: ListSummary, calls: Iterator[tuple[bool, list[str]]]
    ) -> Iterator[ListSummary]:
        """Put values in (True) or take them out (False), and yield the list as it is after each call.

        The next call is made ready while LogRhythm works on the one before.
        """
        bodies = (("POST" if adding else "DELETE", _body(target, values)) for adding, values in calls)
        ready = list(islice(bodies, 1))
        while ready:
            method, body = ready.pop()
            with meanwhile(lambda: ready.extend(islice(bodies, 1))):
                changed = self._call(method, target, body)
            yield changed

    def end(self) -> None:
        """Let others write."""
        self._turn_taken.close()
        self._until = 0.0

    def _call(self, method: str, target: ListSummary, body: msgspec.Raw) -> ListSummary:
        if time.monotonic() >= self._until:
            self._take_turn()
        return summary(self._transport.call(method, f"/lists/{target.guid}/items/", body=body))

    def _take_turn(self) -> None:
        if self._until:
            self.end()
            time.sleep(STAND_BACK_S)
        self._turn_taken.enter_context(self._one_at_a_time)
        self._turn_taken.enter_context(self._turn())
        self._until = time.monotonic() + TURN_S


def _body(target: ListSummary, values: list[str]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(entries(target.list_type, values)))


class Entries:
    """The entries of the lists of one LogRhythm.

    Writers of one object go one at a time: two would deadlock in LogRhythm's database. `turn` gives the lock that
    writers of all processes share.
    """

    def __init__(self, transport: LogRhythmTransport, *, turn: Turn = nullcontext) -> None:
        self._transport, self._turn = transport, turn
        self._one_at_a_time = threading.Lock()

    def read_blocks(self, target: ListSummary, *, at_most: int) -> Iterator[list[str]]:
        """Yield the values of the list, some hundred at a time, in bounded memory.

        Raises ListTooLong if there are more than `at_most`, ListGone, and at the end ServiceAway if what came
        is not the whole list: use nothing of it before the iterator is exhausted.
        """
        scanner = ItemScanner()
        try:
            with self._transport.stream(
                f"/lists/{target.guid}/", {"maxItemsThreshold": str(at_most)}
            ) as response:
                for piece in response.iter_content(READ_BYTES):
                    yield scanner.feed(piece)
                    if scanner.count > at_most:
                        raise ListTooLong(
                            f"LogRhythm sends more entries of {target.name!r} than it was asked for"
                        )
            last, description = scanner.close()
        except Broken as error:
            raise _incomplete(target, str(error)) from error
        yield last
        declared = summary(description).entry_count
        if scanner.count != declared:
            raise _incomplete(target, f"{scanner.count} of {declared} entries came")

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Give a writer, whose turn is over when the block ends."""
        writer = Writer(self._transport, one_at_a_time=self._one_at_a_time, turn=self._turn)
        try:
            yield writer
        finally:
            writer.end()


def _incomplete(target: ListSummary, why: str) -> ServiceAway:
    return ServiceAway("logrhythm", f"the list {target.name!r} did not arrive whole: {why}; it is read again")


class Broken(ValueError):
    """The answer is not the whole JSON of a list."""


class _Item(Struct, gc=False, rename="camel"):
    value: str | int | float | None = None
    is_list_item: bool = False


_RUN = msgspec.json.Decoder(list[_Item])


class ItemScanner:
    """Fed with pieces of an answer, gives the values of the items that are complete.

    `count` is the number of items so far, those included that stand for another list and have no value.
    """

    def __init__(self) -> None:
        self.count = 0
        self._head: bytes | None = None
        self._rest = b""

    def feed(self, piece: bytes) -> list[str]:
        """Take the next piece; returns the values that it completes."""
        self._rest += piece
        if len(self._rest) < BLOCK_BYTES or (self._head is None and not self._take_head()):
            return self._wait()
        cut, values = self._run_before_last_border()
        if not cut:
            cut, values = self._exact_run()
        self._rest = self._rest[cut:]
        return values if cut else self._wait()

    def close(self) -> tuple[list[str], dict[str, Any]]:
        """Return the last values, and the summary without `items`; raises Broken if anything is missing."""
        if self._head is None and not self._take_head():
            return [], _summary(self._rest)
        end, _ = self._borders()
        values = self._decode(end)
        tail = self._rest[end:].lstrip()
        if not tail.startswith(b"]") or (self.count and not end):
            raise Broken("it ends before its items do")
        return values, _summary((self._head or b"") + b"[" + tail)

    def _wait(self) -> list[str]:
        if len(self._rest) > MAX_CHUNK_BYTES:
            raise Broken("it is no list in the documented shape")
        return []

    def _take_head(self) -> bool:
        """Move everything up to the opening bracket of the outermost `items` into the head."""
        depth, before = 0, None
        for token in _TOKEN.finditer(self._rest):
            mark = token.group()
            if mark == b"[" and depth == 1 and before and before.group() == b'"items"':
                colon = _COLON.match(self._rest, before.end())
                if colon and colon.end() == token.start():
                    self._head, self._rest = self._rest[: token.start()], self._rest[token.end() :]
                    return True
            depth += _step(mark)
            before = token
        return False

    def _run_before_last_border(self) -> tuple[int, list[str]]:
        """Decode up to the last `},{`; (0, []) if that is no border between two items."""
        border = self._rest.rfind(b"},{")
        if border < 0:
            return 0, []
        try:
            return border + 2, self._decode(border + 1)
        except Broken:
            return 0, []

    def _exact_run(self) -> tuple[int, list[str]]:
        """Decode every item that another one follows, however they are spaced."""
        _, (end, cut) = self._borders()
        return cut, self._decode(end)

    def _borders(self) -> tuple[int, tuple[int, int]]:
        """Return where the last complete item ends, and where the last one with a comma and that comma do."""
        depth = last = end = cut = 0
        for token in _TOKEN.finditer(self._rest):
            depth += _step(token.group())
            if depth < 0:
                break
            if depth == 0 and token.group() == b"}":
                last = token.end()
                comma = _COMMA.match(self._rest, last)
                if comma:
                    end, cut = last, comma.end()
        return last, (end, cut)

    def _decode(self, end: int) -> list[str]:
        try:
            items = _RUN.decode(b"[" + self._rest[:end] + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"its items are no JSON ({error})") from error
        self.count += len(items)
        return [str(item.value) for item in items if not item.is_list_item and item.value is not None]


def _step(mark: bytes) -> int:
    """Return how a token changes the depth of nesting."""
    return (mark in (b"{", b"[")) - (mark in (b"}", b"]"))


def _summary(text: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Broken(f"it is cut short or no JSON ({error})") from error
