"""What was noted of a job each time it was settled, and waiting for the note that ends a wait.

The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

import time

from workers.ledger import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from workers.ledger.accept import Word

#: The states that end a wait. A job that was put off does so too, since it may wait for hours.
ENDS = ("done", "dead", "refused", "waiting")

#: Seconds between two looks: the first ones, and how much longer each next one is, up to the longest.
FIRST_LOOK_S, LOOK_GROWTH, LONGEST_LOOK_S = 0.005, 1.2, 0.25


class HistoryNote:
    """One line of a job's history: when (ms of Redis's clock), the state it came to, and JSON of what was noted."""

    __slots__ = ("at_ms", "state", "text")

    def __init__(self, at_ms: int, state: str, text: bytes) -> None:
        self.at_ms, self.state, self.text = at_ms, state, text


def read_history(field: bytes | None, stream: Any = ()) -> list[HistoryNote]:
    """Read the field `history` of a job's progress, after the stream in which earlier versions kept their notes."""
    notes = [_from_stream(entry_id, fields) for entry_id, fields in stream or ()]
    for line in (field or b"").split(b"\n")[:-1]:
        at_ms, state, text = line.split(b" ", 2)
        notes.append(HistoryNote(int(at_ms), state.decode(), text))
    return notes


def lines(notes: list[HistoryNote]) -> bytes:
    """Write notes as the field `history` has them."""
    return b"".join(b"%d %b %b\n" % (note.at_ms, note.state.encode(), note.text) for note in notes)


def _from_stream(entry_id: bytes, fields: Any) -> HistoryNote:
    # A bare socket gives names and values in turn, redis-py a dictionary.
    entry = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    return HistoryNote(int(entry_id.partition(b"-")[0]), entry[b"state"].decode(), entry[b"entry"])


def wait_for_outcome(
    send: Callable[[list[tuple[Word, ...]]], list[Any]], job_id: str, wait_s: float
) -> HistoryNote | None:
    """Return the note with which a job became done, dead, refused or waiting, looking for it for `wait_s` seconds."""
    deadline, pause_s = time.monotonic() + wait_s, FIRST_LOOK_S
    while True:
        field, stream = send(
            [("HGET", keys.progress(job_id), "history"), ("XRANGE", keys.history(job_id), "-", "+")]
        )
        notes = read_history(field, stream)
        if notes and notes[-1].state in ENDS:
            return notes[-1]
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return None
        time.sleep(min(left_s, pause_s))
        pause_s = min(pause_s * LOOK_GROWTH, LONGEST_LOOK_S)
