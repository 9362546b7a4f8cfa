"""Markers: what stays of a job whose content is no longer kept, so that a repeat of it still makes no second event.

The same 18 bytes are written and found by lua/shared/markers.lua.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

#: Bytes of a marker: ten of the job's id (the first two choose the text), five of the event's, the state, the day.
WIDTH = 18

#: Texts among which markers are spread, named by the first four digits of an id. At 8 million markers each has 120.
TEXTS = 65_536

#: Milliseconds of a day.
DAY_MS = 86_400_000

#: The number of each state that a marker can tell.
_STATES = {1: "done"}
_NUMBERS = {state: number for number, state in _STATES.items()}

_ID = re.compile(r"[0-9a-f]{24}")


class Marker(Struct, frozen=True):
    """A job that ended, the event that it made (0: none that is known), and the day: days since 1970, UTC.

    `link` is the address of the event, where that is known; it is not part of what is kept.
    """

    id: str
    event_id: int
    day: int
    state: str = "done"
    link: str = ""

    @property
    def ended_on(self) -> str:
        """The day on which it ended, as 2026-03-01 (UTC)."""
        return date.fromordinal(date(1970, 1, 1).toordinal() + self.day).isoformat()

    @property
    def sentence(self) -> str:
        """What there is to say of it."""
        event = f", event {self.event_id} {self.link}".rstrip() if self.event_id else ""
        return f"{self.state} on {self.ended_on}{event}; its content is no longer kept"


def has_marker(job_id: str) -> bool:
    """Tell whether jobs with such an id leave a marker; the ids of all that are accepted are like that."""
    return _ID.fullmatch(job_id) is not None


def text_of(job_id: str) -> str:
    """Return the name of the text in which the marker of a job lies."""
    return job_id[:4]


def encode(marker: Marker) -> bytes:
    """Write a marker; raises OverflowError for an event's id above 2^40 and a day after 2149."""
    numbers = (marker.event_id.to_bytes(5), _NUMBERS[marker.state].to_bytes(1), marker.day.to_bytes(2))
    return bytes.fromhex(marker.id[4:]) + b"".join(numbers)


def read(name: str, markers: bytes) -> Iterator[Marker]:
    """Yield the markers of the text that is named so, the oldest first."""
    for start in range(0, len(markers) - WIDTH + 1, WIDTH):
        rest, event, state, day = (
            markers[start : start + 10],
            markers[start + 10 : start + 15],
            markers[start + 15],
            markers[start + 16 : start + WIDTH],
        )
        yield Marker(name + rest.hex(), int.from_bytes(event), int.from_bytes(day), _STATES[state])


def find(job_id: str, markers: bytes) -> Marker | None:
    """Return the marker of a job out of the text in which it would lie."""
    return next((marker for marker in read(text_of(job_id), markers) if marker.id == job_id), None)
