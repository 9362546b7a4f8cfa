"""What every producer does with what it is sent: bytes become jobs and refusals. Reads and decides, touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import Any, Literal

from msgspec import Struct, structs

from workers.core.errors import InputError
from workers.core.jobs import Job, compact
from workers.payload.builder import plan_event
from workers.payload.cloudevents import Unwrapped, is_cloud_event, unwrap
from workers.payload.json_text import escape_unfit, read_plain, split
from workers.payload.options import DialectOptions, read_zone
from workers.payload.plan import EventPlan
from workers.payload.reading import Fault, Payload, ReadingRefused, each_payload
from workers.payload.required_fields import check
from workers.settings.model import Settings
from workers.settings.redaction import Redaction, redaction_of

#: Characters of an event's name that its job shows as title, and of its source by which its sender is known.
_TITLE_CHARS, _SENDER_CHARS = 200, 64


class RejectedPayload(Struct, frozen=True):
    """A part of the input that no producer accepts: its place from 1, why, in words and in one word, and its text."""

    position: int
    code: Fault | Literal["invalid_event"]
    detail: str
    raw: bytes
    field: str = ""


class TooManyPayloads(InputError):
    """There are more payloads in one text than its reader takes."""


class PayloadItem(Struct, frozen=True):
    """A payload, its texts (canonical, compact) where they are known, and what was odd about it."""

    position: int
    body: dict[str, Any]
    texts: tuple[bytes, bytes] | None = None
    warnings: tuple[str, ...] = ()


class Intake(Struct, frozen=True):
    """How one producer reads: its name in the ledger, the limit of a payload, the zone of times without one.

    `lenient` also takes a Python literal, for a person at a terminal. `source` is the source of events that name
    none; "" leaves them to the worker. What `redaction` takes out is in no job and in no refusal. `event_types` are
    those that ThreatQ has, () while that is not known: another one is taken with a warning, or, where ThreatQ is not to
    create it, refused.
    """

    producer: str
    max_bytes: int
    zone: tzinfo = UTC
    lenient: bool = False
    source: str = ""
    redaction: Redaction | None = None
    event_types: tuple[str, ...] = ()
    creates_types: bool = True

    def jobs(
        self, data: bytes, *, key: str = "", trace: str = "", most: int | None = None
    ) -> list[Job | RejectedPayload]:
        """Return a job or a refusal for each payload in `data`, in order.

        `key` is what the sender calls the whole; of several payloads, each gets it with its place. Raises
        TooManyPayloads as soon as there are more than `most`.
        """
        results: list[Job | RejectedPayload] = []
        items = map(self._redacted, self._items(data)) if self.redaction else self._items(data)
        for item in items:
            if len(results) == most:
                raise TooManyPayloads(f"more than {most} payloads in one")
            results.append(
                item if isinstance(item, RejectedPayload) else self._job(item, key=key, trace=trace)
            )
        if key and len(results) > 1:
            for place, result in enumerate(results):
                if isinstance(result, Job):
                    result.key = f"{key}#{place}"
        return results

    def redacted(self, data: bytes) -> bytes:
        """Return bytes that are kept although they are no payload, without what must not be stored."""
        return self.redaction.raw(data) if self.redaction else data

    def _redacted(self, item: PayloadItem | RejectedPayload) -> PayloadItem | RejectedPayload:
        redaction = self.redaction
        if redaction is None:
            return item
        if isinstance(item, PayloadItem):
            body = redaction.value(item.body)
            warnings = tuple(map(redaction.text, item.warnings))
            return PayloadItem(item.position, body, item.texts if body == item.body else None, warnings)
        detail = redaction.text(item.detail)
        return structs.replace(item, raw=redaction.raw(item.raw), detail=detail)

    def _items(self, data: bytes) -> Iterator[PayloadItem | RejectedPayload]:
        """Yield each payload in `data`, or why it is none.

        One at a time: while what was read from one is still in the processor's cache, its job is made of it.
        """
        position = 0
        for text in split(data):
            plain = read_plain(text, max_bytes=self.max_bytes)
            if plain is not None:
                position += 1
                yield PayloadItem(position, *plain)
                continue
            for reading in each_payload(bytes(text), max_bytes=self.max_bytes, lenient=self.lenient):
                position += 1
                yield _item(position, reading)
        if not position:
            # Blanks alone.
            yield from (_item(1, reading) for reading in each_payload(b"", max_bytes=self.max_bytes))

    def _job(self, item: PayloadItem, *, key: str, trace: str) -> Job | RejectedPayload:
        """Return the job that makes an event of one payload, or why no event can come of it."""
        try:
            content = self._unwrapped(item.body)
            if self.redaction and content.payload is not item.body:
                # What an envelope holds as text was not read before.
                content = structs.replace(content, payload=self.redaction.value(content.payload))
            title, odd = check(content.payload, received_at=datetime.now(UTC), zone=self.zone)
            odd = [*odd, *self._unknown_type(content.payload)]
        except InputError as error:
            detail = escape_unfit(str(error))
            return RejectedPayload(item.position, "invalid_event", detail, compact(item.body), error.field)
        payload = self._with_source(content.payload)
        return Job(
            "events.create",
            {"payload": payload},
            producer=self.producer,
            sender=_sender(payload),
            title=escape_unfit(title)[:_TITLE_CHARS],
            trace=trace,
            key=key or content.key,
            warnings=[*item.warnings, *content.warnings, *odd],
            texts=_as_arguments(item.texts) if item.texts and payload is item.body else None,
        )

    def _unknown_type(self, payload: dict[str, Any]) -> list[str]:
        """Return the warning for an event type that ThreatQ has not; raises InputError where none is created."""
        name = str(payload.get("event_type", "")).strip()
        if not self.event_types or name.casefold() in map(str.casefold, self.event_types):
            return []
        near = get_close_matches(name, self.event_types, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        if not self.creates_types:
            raise InputError(f"ThreatQ has no event type {name[:80]!r}{hint}", field="event_type")
        return [f"event_type: ThreatQ has no {name[:80]!r} yet, it is created{hint}"]

    def _unwrapped(self, body: dict[str, Any]) -> Unwrapped:
        return unwrap(body, max_bytes=self.max_bytes) if is_cloud_event(body) else Unwrapped(body)

    def _with_source(self, payload: dict[str, Any]) -> dict[str, Any]:
        if not self.source or payload.get("event_source"):
            return payload
        return {**payload, "event_source": self.source}


def from_settings(settings: Settings, producer: str, *, lenient: bool = False, source: str = "") -> Intake:
    """Return how `producer` reads under these settings."""
    zone = read_zone(settings.naive_timezone)
    redaction = redaction_of(settings.redact) or None
    return Intake(producer, settings.max_payload_bytes, zone, lenient, source, redaction)


def accepted_only(results: Iterable[Job | RejectedPayload]) -> list[Job]:
    """Return the jobs among jobs and refusals."""
    return [result for result in results if isinstance(result, Job)]


def refused_only(results: Iterable[Job | RejectedPayload]) -> list[RejectedPayload]:
    """Return the refusals among jobs and refusals."""
    return [result for result in results if isinstance(result, RejectedPayload)]


def plan_now(job: Job, options: DialectOptions) -> EventPlan:
    """Return what a worker would make of a job of `Intake.jobs` if it was accepted now."""
    payload = job.arguments["payload"]
    return plan_event(payload, received_at=datetime.now(UTC), options=options, warnings=job.warnings)


def _item(position: int, reading: Payload | ReadingRefused) -> PayloadItem | RejectedPayload:
    if isinstance(reading, Payload):
        return PayloadItem(position, reading.body, None, reading.warnings)
    raw = reading.raw.encode("utf-8", "surrogateescape")
    return RejectedPayload(position, reading.code, escape_unfit(reading.reason), raw)


def _sender(payload: dict[str, Any]) -> str:
    """Return by which name the ledger knows who sent a payload, where no producer knows it better."""
    source = payload.get("event_source")
    return " ".join(escape_unfit(source).split())[:_SENDER_CHARS] if isinstance(source, str) else ""


def _as_arguments(texts: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    ordered, as_sent = texts
    return b'{"payload":%b}' % ordered, b'{"payload":%b}' % as_sent
