"""From what `-p` says to payloads that are known to become events, and refusals that say why the others do not."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from workers.errors import InputError
from workers.jobs import Job
from workers.payload.builder import plan_event
from workers.payload.options import DialectOptions
from workers.payload.reading import Payload, read_payloads
from workers.plan import EventPlan

#: Bytes that are read of a file or of standard input, however many payloads it holds.
MOST_BYTES = 512 * 1024 * 1024


class Planned(Struct, frozen=True):
    """A payload, what it becomes, and its job."""

    position: int
    plan: EventPlan
    job: Job


class Refused(Struct, frozen=True):
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
) -> list[Planned | Refused]:
    """Plan every payload in `data`; `source` is the source of events that name none (else the worker's).

    `trace` is the one that all their jobs belong to.
    """
    now = datetime.now(UTC)
    return [
        _plan(piece, options, now, source, trace)
        if isinstance(piece, Payload)
        else Refused(piece.position, piece.reason)
        for piece in read_payloads(data, max_bytes=max_bytes, lenient=True)
    ]


def _plan(
    piece: Payload, options: DialectOptions, now: datetime, source: str, trace: str
) -> Planned | Refused:
    body: dict[str, Any] = piece.body
    if source and not body.get("event_source"):
        body = {**body, "event_source": source}
    try:
        plan = plan_event(body, received_at=now, options=options, warnings=piece.warnings)
    except InputError as error:
        return Refused(piece.position, str(error))
    return Planned(
        piece.position,
        plan,
        Job(
            "events.create",
            {"payload": body},
            door="cli",
            title=plan.title,
            trace=trace,
            warnings=piece.warnings,
        ),
    )
