"""What every producer does with what it is sent: bytes become jobs and refusals. Reads and decides, touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import Any, Literal

from msgspec import Struct, structs

from workers.core.errors import ConfigError, InputError
from workers.core.jobs import Job, compact
from workers.mappings.folder import MappingFolder, mapping_folder
from workers.mappings.model import Mapping
from workers.mappings.time_limit import look_at_clock
from workers.payload.cloudevents import Unwrapped, is_cloud_event, unwrap
from workers.payload.json_text import escape_unfit, read_plain, split
from workers.payload.log_lines import is_log_lines, log_lines, unquoted
from workers.payload.mapped import (
    MappedDocument,
    NoMapping,
    Patience,
    is_dialect,
    is_foreign,
    map_document,
)
from workers.payload.options import read_zone
from workers.payload.reading import Fault, Payload, ReadingRefused, each_payload
from workers.payload.required_fields import check
from workers.settings.model import Settings
from workers.settings.redaction import Redaction, redaction_of

#: Characters of an event's name that its job shows as title, and of its source by which its sender is known.
_TITLE_CHARS, _SENDER_CHARS = 200, 64


class RejectedPayload(Struct, frozen=True):
    """A part of the input that no producer accepts: its place from 1, why, in words and in one word, and its text.

    `mapping` is the one that the sender named, "" for none.
    """

    position: int
    code: Fault | Literal["invalid_event", "no_mapping"]
    detail: str
    raw: bytes
    field: str = ""
    mapping: str = ""


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
    create it, refused. A document that is not in the dialect gets one of the `mappings`, or is refused; `generic`: it
    becomes a generic event.
    """

    producer: str
    max_bytes: int
    zone: tzinfo = UTC
    lenient: bool = False
    source: str = ""
    redaction: Redaction | None = None
    event_types: tuple[str, ...] = ()
    creates_types: bool = True
    mappings: MappingFolder = MappingFolder()
    generic: bool = False

    def jobs(
        self, data: bytes, *, key: str = "", trace: str = "", most: int | None = None, mapping: str = ""
    ) -> list[Job | RejectedPayload]:
        """Return a job or a refusal for each payload in `data`, in order; a document may hold several events.

        `key` is what the sender calls the whole; of several payloads, each gets it with its place. `mapping` names the
        one that all have, "" lets each be known by its form. Raises TooManyPayloads as soon as there are more than
        `most`, and OutOfTime where others wait for this thread.
        """
        results: list[Job | RejectedPayload] = []
        patience = Patience()
        items = map(self._redacted, self.items(data)) if self.redaction else self.items(data)
        for item in items:
            look_at_clock()
            if isinstance(item, RejectedPayload):
                results.append(item)
            else:
                results += self._jobs(item, mapping, patience, key=key, trace=trace)
            if most is not None and len(results) > most:
                raise TooManyPayloads(f"more than {most} payloads in one")
        if key and len(results) > 1:
            for place, result in enumerate(results):
                if isinstance(result, Job):
                    result.key = f"{key}#{place}"
        return [_asking(result, mapping) for result in results] if mapping else results

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

    def items(self, data: bytes) -> Iterator[PayloadItem | RejectedPayload]:
        """Yield each payload in `data`, or why it is none.

        One at a time: while what was read from one is still in the processor's cache, its job is made of it.
        """
        position = 0
        data = unquoted(data)
        if is_log_lines(data):
            yield from self._lines(data)
            return
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

    def _lines(self, data: bytes) -> Iterator[PayloadItem | RejectedPayload]:
        for position, (line, document) in enumerate(log_lines(data), start=1):
            if len(line) > self.max_bytes:
                reason = (
                    f"{len(line)} bytes are more than the limit of {self.max_bytes} (TQ_MAX_PAYLOAD_BYTES)"
                )
                yield RejectedPayload(position, "too_large", reason, line)
            elif document is None:
                yield RejectedPayload(
                    position,
                    "not_json",
                    "it is neither JSON nor of a log (CEF, LEEF, syslog, key=value, a Windows event as XML)",
                    line,
                )
            else:
                yield PayloadItem(position, document)

    def _jobs(
        self, item: PayloadItem, mapping: str, patience: Patience, *, key: str, trace: str
    ) -> list[Job | RejectedPayload]:
        """Return the jobs that make events of one payload, and why no event can come of it, or of a part of it."""
        try:
            content = self._unwrapped(item.body)
            if self.redaction and content.payload is not item.body:
                # What an envelope holds as text was not read before.
                content = structs.replace(content, payload=self.redaction.value(content.payload))
            documents = self._documents(content.payload, mapping, patience)
        except ConfigError:
            raise
        except InputError as error:
            return [_refused(item, error)]
        results: list[Job | RejectedPayload] = []
        faults = [document for document in documents if isinstance(document, InputError)]
        for place, document in enumerate(documents):
            own_key = key or (f"{content.key}#{place}" if content.key and place else content.key)
            try:
                if not isinstance(document, InputError):
                    results.append(self._job(item, document, content.warnings, key=own_key, trace=trace))
            except InputError as error:
                faults.append(error)
        return [*results, _refused(item, *faults)] if faults else results

    def _documents(
        self, payload: dict[str, Any], mapping: str, patience: Patience
    ) -> list[MappedDocument | InputError]:
        """Return what is in a payload: itself where it is in the dialect, else what its mapping makes of it."""

        def choose(document: dict[str, Any]) -> Mapping | None:
            return patience.choose(self.mappings.current(), document)

        if not mapping and is_dialect(payload) and not is_foreign(payload, choose, generic=self.generic):
            return [MappedDocument(payload, self._with_source(payload))]
        return map_document(
            payload, self.mappings.current(), name=mapping, generic=self.generic, patience=patience
        )

    def _job(
        self, item: PayloadItem, document: MappedDocument, warnings: Sequence[str], *, key: str, trace: str
    ) -> Job:
        """Return the job that makes an event of one document; raises InputError where no event can come of it."""
        payload = document.payload
        title, odd = check(payload, received_at=datetime.now(UTC), zone=self.zone)
        content = document.document if document.mapping else payload
        return Job(
            "events.create",
            {"payload": content, **document.beside},
            producer=self.producer,
            sender=_sender(payload),
            title=escape_unfit(title)[:_TITLE_CHARS],
            trace=trace,
            key=key,
            warnings=[*item.warnings, *warnings, *odd, *self._unknown_type(payload)],
            texts=_as_arguments(item.texts) if item.texts and content is item.body else None,
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
    return Intake(
        producer,
        settings.max_payload_bytes,
        zone,
        lenient,
        source,
        redaction_of(settings.redact) or None,
        mappings=mapping_folder(settings.mappings_dir),
        generic=settings.unmatched_documents == "event",
    )


def accepted_only(results: Iterable[Job | RejectedPayload]) -> list[Job]:
    """Return the jobs among jobs and refusals."""
    return [result for result in results if isinstance(result, Job)]


def refused_only(results: Iterable[Job | RejectedPayload]) -> list[RejectedPayload]:
    """Return the refusals among jobs and refusals."""
    return [result for result in results if isinstance(result, RejectedPayload)]


def _refused(item: PayloadItem, error: InputError, *more: InputError) -> RejectedPayload:
    """Refuse a payload whole, also where only some of its events are at fault: read again, the others are known."""
    code: Literal["no_mapping", "invalid_event"] = (
        "no_mapping" if isinstance(error, NoMapping) else "invalid_event"
    )
    also = f" (and {len(more)} more of its events)" if more else ""
    return RejectedPayload(
        item.position, code, escape_unfit(f"{error}{also}"), compact(item.body), error.field
    )


def _asking(result: Job | RejectedPayload, mapping: str) -> Job | RejectedPayload:
    return result if isinstance(result, Job) else structs.replace(result, mapping=mapping)


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
