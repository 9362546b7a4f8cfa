"""The entries of lists: read all of them as a stream, write them call by call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from workers.errors import ServiceAway
from workers.logrhythm.gateway import Gateway
from workers.logrhythm.itemscan import Broken, ItemScanner
from workers.logrhythm.model import ListSummary, entries, summary

#: Bytes read from the connection at once; see itemscan.BLOCK_BYTES for why not more.
READ_BYTES = 64 * 1024

#: What a writer must hold across processes and machines while it sends calls.
Turn = Callable[[], AbstractContextManager[object]]

#: Seconds for which a writer keeps its turn: taking it costs half as much as a call.
TURN_S = 1.0

#: Seconds for which it then stands back: whoever waits looks every 10 ms whether it is their turn.
STAND_BACK_S = 0.02


class Writer:
    """Sends one write after the other, and only in its turn.

    A process that was asleep for longer than its turn takes it anew before it writes.
    """

    def __init__(self, gateway: Gateway, *, one_at_a_time: threading.Lock, turn: Turn) -> None:
        self._gateway, self._one_at_a_time, self._turn = gateway, one_at_a_time, turn
        self._held, self._until = ExitStack(), 0.0

    def add(self, one: ListSummary, values: list[str]) -> ListSummary:
        """Put `values`, a call's worth, into the list and return it as it is then."""
        return self._call("POST", one, values)

    def remove(self, one: ListSummary, values: list[str]) -> ListSummary:
        """Take `values`, a call's worth, out of the list and return it as it is then."""
        return self._call("DELETE", one, values)

    def end(self) -> None:
        """Let others write."""
        self._held.close()
        self._until = 0.0

    def _call(self, method: str, one: ListSummary, values: list[str]) -> ListSummary:
        body = entries(one.list_type, values)
        if time.monotonic() >= self._until:
            self._take_turn()
        return summary(self._gateway.call(method, f"/lists/{one.guid}/items/", body=body))

    def _take_turn(self) -> None:
        if self._until:
            self.end()
            time.sleep(STAND_BACK_S)
        self._held.enter_context(self._one_at_a_time)
        self._held.enter_context(self._turn())
        self._until = time.monotonic() + TURN_S


class Entries:
    """The entries of the lists of one LogRhythm.

    Writers of one object go one at a time: two would deadlock in LogRhythm's database. `turn` gives the lock that
    writers of all processes share.
    """

    def __init__(self, gateway: Gateway, *, turn: Turn = nullcontext) -> None:
        self._gateway, self._turn = gateway, turn
        self._one_at_a_time = threading.Lock()

    def read_blocks(self, one: ListSummary, *, at_most: int) -> Iterator[list[str]]:
        """Yield the values of the list, some hundred at a time, in bounded memory.

        Raises ListTooLong if there are more than `at_most`, ListGone, and at the end ServiceAway if what came
        is not the whole list: use nothing of it before the iterator is exhausted.
        """
        scanner = ItemScanner()
        try:
            with self._gateway.stream(f"/lists/{one.guid}/", {"maxItemsThreshold": str(at_most)}) as response:
                for piece in response.iter_content(READ_BYTES):
                    yield scanner.feed(piece)
            last, told = scanner.close()
        except Broken as error:
            raise _incomplete(one, str(error)) from error
        yield last
        declared = summary(told).entry_count
        if scanner.count != declared:
            raise _incomplete(one, f"{scanner.count} of {declared} entries came")

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Give a writer, whose turn is over when the block ends."""
        writer = Writer(self._gateway, one_at_a_time=self._one_at_a_time, turn=self._turn)
        try:
            yield writer
        finally:
            writer.end()


def _incomplete(one: ListSummary, why: str) -> ServiceAway:
    return ServiceAway("logrhythm", f"the list {one.name!r} did not arrive whole: {why}; it is read again")
