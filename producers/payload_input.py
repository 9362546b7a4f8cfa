"""From what `-p` says to payloads that are known to become events, and refusals that say why the others do not."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.payload.builder import plan_event
from workers.payload.options import DialectOptions
from workers.payload.plan import EventPlan
from workers.payload.reading import Payload, read_payloads

#: Bytes that are read of a file or of standard input, however many payloads it holds.
MOST_BYTES = 512 * 1024 * 1024


class PlannedPayload(Struct, frozen=True):
    """A payload, what it becomes, and its job."""

    position: int
    plan: EventPlan
    job: Job


class RefusedPayload(Struct, frozen=True):
    """A payload that becomes nothing, and why."""

    position: int
    reason: str


def read_argument(argument: str) -> bytes | str:
    """Return the text that `argument` is, or what the file in `@file` or standard input (`-`) holds."""
    if argument == "-" and sys.stdin is None:
        raise InputError("standard input is closed; pipe the payload into the command", field="payload")
    if argument == "-":
        data = sys.stdin.buffer.read(MOST_BYTES + 1)
    elif argument == "@":
        raise InputError("no file is named behind the @; write @FILE", field="payload")
    elif argument.startswith("@"):
        try:
            with open(argument[1:], "rb") as file:
                data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise InputError(f"{argument[1:]} cannot be read: {error.strerror}", field="payload") from error
    elif os.path.isfile(argument):
        raise InputError(f"{argument} is a file; write @{argument} to send what is in it", field="payload")
    else:
        return argument
    if len(data) > MOST_BYTES:
        raise InputError(f"more than {MOST_BYTES >> 20} MiB at once; send it in parts", field="payload")
    return data


def plan_all(
    data: bytes | str, options: DialectOptions, *, max_bytes: int, source: str = "", trace: str = ""
) -> list[PlannedPayload | RefusedPayload]:
    """Plan every payload in `data`; `source` is the source of events that name none (else the worker's).

    `trace` is the one that all their jobs belong to.
    """
    now = datetime.now(UTC)
    return [
        _plan(piece, options, now, source, trace)
        if isinstance(piece, Payload)
        else RefusedPayload(piece.position, piece.reason)
        for piece in read_payloads(data, max_bytes=max_bytes, lenient=True)
    ]


def _plan(
    piece: Payload, options: DialectOptions, now: datetime, source: str, trace: str
) -> PlannedPayload | RefusedPayload:
    body: dict[str, Any] = piece.body
    if source and not body.get("event_source"):
        body = {**body, "event_source": source}
    try:
        plan = plan_event(body, received_at=now, options=options, warnings=piece.warnings)
    except InputError as error:
        return RefusedPayload(piece.position, str(error))
    return PlannedPayload(
        piece.position,
        plan,
        Job(
            "events.create",
            {"payload": body},
            producer="cli",
            title=plan.title,
            trace=trace,
            warnings=piece.warnings,
        ),
    )
