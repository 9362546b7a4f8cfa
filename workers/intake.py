"""What every door does with what it is sent: bytes become jobs and refusals. Reads and decides, touches nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from msgspec import Struct

from workers.config import Settings
from workers.errors import InputError
from workers.jobs import Job, compact
from workers.payload.cloudevents import is_cloud_event, unwrap
from workers.payload.essentials import check, one_line
from workers.payload.options import read_zone
from workers.payload.plain import read_plain
from workers.payload.reading import Fault, Payload, read_payloads
from workers.payload.shape import escape_unfit

#: Characters of an event's name that its job shows as title.
_TITLE_CHARS = 200


class Refused(Struct, frozen=True):
    """A piece of the input that no door accepts: its place from 1, why, in words and in one word, and its text."""

    position: int
    code: Fault | Literal["invalid_event"]
    detail: str
    raw: bytes
    field: str = ""


class Piece(Struct, frozen=True):
    """A payload, its texts (canonical, compact) where they are known, and what was odd about it."""

    position: int
    body: dict[str, Any]
    texts: tuple[bytes, bytes] | None = None
    warnings: tuple[str, ...] = ()


class Intake(Struct, frozen=True):
    """How one door reads: what it is called in the ledger, the limit of a payload, the zone of bare times."""

    door: str
    max_bytes: int
    zone: tzinfo = UTC

    def jobs(self, data: bytes, *, key: str = "", trace: str = "") -> list[Job | Refused]:
        """Return a job or a refusal for each piece of `data`, in order.

        `key` is what the sender calls the whole; of several pieces, each gets it with its place.
        """
        pieces = self.pieces(data)
        many = len(pieces) > 1
        return [
            piece
            if isinstance(piece, Refused)
            else self.job(piece, key=f"{key}#{piece.position - 1}" if key and many else key, trace=trace)
            for piece in pieces
        ]

    def pieces(self, data: bytes) -> list[Piece | Refused]:
        """Return each payload in `data`, or why it is none."""
        plain = read_plain(data, max_bytes=self.max_bytes)
        if plain is not None:
            return [Piece(at, one.body, one.texts) for at, one in enumerate(plain, 1)]
        return [
            Piece(one.position, one.body, None, one.warnings)
            if isinstance(one, Payload)
            else Refused(
                one.position, one.code, escape_unfit(one.reason), one.raw.encode("utf-8", "surrogateescape")
            )
            for one in read_payloads(data, max_bytes=self.max_bytes)
        ]

    def job(self, piece: Piece, *, key: str = "", trace: str = "") -> Job | Refused:
        """Return the job that makes an event of one payload, or why no event can come of it."""
        try:
            body, own_key = unwrap(piece.body) if is_cloud_event(piece.body) else (piece.body, "")
            warnings = [*piece.warnings, *check(body, received_at=datetime.now(UTC), zone=self.zone)]
        except InputError as error:
            raw = compact(piece.body)
            return Refused(piece.position, "invalid_event", escape_unfit(str(error)), raw, error.field)
        return Job(
            "events.create",
            {"payload": body},
            door=self.door,
            title=escape_unfit(one_line(body, "event_name"))[:_TITLE_CHARS],
            trace=trace,
            key=key or own_key,
            warnings=warnings,
            texts=_as_arguments(piece.texts) if piece.texts and not own_key else None,
        )


def from_settings(settings: Settings, door: str) -> Intake:
    """Return how `door` reads under these settings."""
    return Intake(door, settings.max_payload_bytes, read_zone(settings.naive_timezone))


def _as_arguments(texts: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    ordered, as_sent = texts
    return b'{"payload":%b}' % ordered, b'{"payload":%b}' % as_sent


def accepted_only(found: Iterable[Job | Refused]) -> list[Job]:
    """Return the jobs among jobs and refusals."""
    return [one for one in found if isinstance(one, Job)]


def refused_only(found: Iterable[Job | Refused]) -> list[Refused]:
    """Return the refusals among jobs and refusals."""
    return [one for one in found if isinstance(one, Refused)]
