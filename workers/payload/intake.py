"""What every producer does with what it is sent: bytes become jobs and refusals. Reads and decides, touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from msgspec import Raw, Struct

from workers.core.errors import InputError
from workers.core.jobs import Job, compact
from workers.payload.cloudevents import Unwrapped, is_cloud_event, unwrap
from workers.payload.json_text import escape_unfit, read_plain, split
from workers.payload.options import read_zone
from workers.payload.reading import Fault, Payload, ReadingRefused, read_payloads
from workers.payload.required_fields import check
from workers.settings.model import Settings

#: Characters of an event's name that its job shows as title.
_TITLE_CHARS = 200


class RejectedPayload(Struct, frozen=True):
    """A piece of the input that no producer accepts: its place from 1, why, in words and in one word, and its text."""

    position: int
    code: Fault | Literal["invalid_event"]
    detail: str
    raw: bytes
    field: str = ""


class PayloadItem(Struct, frozen=True):
    """A payload, its texts (canonical, compact) where they are known, and what was odd about it."""

    position: int
    body: dict[str, Any]
    texts: tuple[bytes, bytes] | None = None
    warnings: tuple[str, ...] = ()


class Intake(Struct, frozen=True):
    """How one producer reads: what it is called in the ledger, the limit of a payload, the zone of bare times."""

    producer: str
    max_bytes: int
    zone: tzinfo = UTC

    def jobs(self, data: bytes, *, key: str = "", trace: str = "") -> list[Job | RejectedPayload]:
        """Return a job or a refusal for each piece of `data`, in order.

        `key` is what the sender calls the whole; of several pieces, each gets it with its place.
        """
        found = [
            piece if isinstance(piece, RejectedPayload) else self.job(piece, key=key, trace=trace)
            for piece in self.pieces(data)
        ]
        if key and len(found) > 1:
            for place, one in enumerate(found):
                if isinstance(one, Job):
                    one.key = f"{key}#{place}"
        return found

    def pieces(self, data: bytes) -> Iterator[PayloadItem | RejectedPayload]:
        """Yield each payload in `data`, or why it is none.

        One at a time: while what was read from one is still in the processor's cache, its job is made of it.
        """
        position = 0
        for text in split(data) or (Raw(data),):
            plain = read_plain(text, max_bytes=self.max_bytes)
            if plain is not None:
                position += 1
                yield PayloadItem(position, *plain)
                continue
            for one in read_payloads(bytes(text), max_bytes=self.max_bytes):
                position += 1
                yield _item(position, one)

    def job(self, piece: PayloadItem, *, key: str = "", trace: str = "") -> Job | RejectedPayload:
        """Return the job that makes an event of one payload, or why no event can come of it."""
        try:
            found = self._unwrapped(piece.body)
            title, odd = check(found.payload, received_at=datetime.now(UTC), zone=self.zone)
        except InputError as error:
            raw = compact(piece.body)
            return RejectedPayload(
                piece.position, "invalid_event", escape_unfit(str(error)), raw, error.field
            )
        return Job(
            "events.create",
            {"payload": found.payload},
            producer=self.producer,
            title=escape_unfit(title)[:_TITLE_CHARS],
            trace=trace,
            key=key or found.key,
            warnings=[*piece.warnings, *found.warnings, *odd],
            texts=_as_arguments(piece.texts) if piece.texts and found.payload is piece.body else None,
        )

    def _unwrapped(self, body: dict[str, Any]) -> Unwrapped:
        return unwrap(body, max_bytes=self.max_bytes) if is_cloud_event(body) else Unwrapped(body)


def from_settings(settings: Settings, producer: str) -> Intake:
    """Return how `producer` reads under these settings."""
    return Intake(producer, settings.max_payload_bytes, read_zone(settings.naive_timezone))


def _item(position: int, one: Payload | ReadingRefused) -> PayloadItem | RejectedPayload:
    if isinstance(one, Payload):
        return PayloadItem(position, one.body, None, one.warnings)
    return RejectedPayload(
        position, one.code, escape_unfit(one.reason), one.raw.encode("utf-8", "surrogateescape")
    )


def _as_arguments(texts: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    ordered, as_sent = texts
    return b'{"payload":%b}' % ordered, b'{"payload":%b}' % as_sent


def accepted_only(found: Iterable[Job | RejectedPayload]) -> list[Job]:
    """Return the jobs among jobs and refusals."""
    return [one for one in found if isinstance(one, Job)]


def refused_only(found: Iterable[Job | RejectedPayload]) -> list[RejectedPayload]:
    """Return the refusals among jobs and refusals."""
    return [one for one in found if isinstance(one, RejectedPayload)]
