"""Whether what lies on one of Celery's keys is a message that a worker can take at all.

Celery and kombu read a message with the same trust as their own: a header of another type ends the worker's loop, and
a small body may inflate to all of its memory. So both are checked before they see it.
"""

from __future__ import annotations

import base64
import zlib
from datetime import datetime
from typing import Any, Literal

import msgspec
from kombu.message import Message
from msgspec import Raw, Struct, convert

from workers.core.jobs import KINDS, QUEUES
from workers.ledger.wake_up import ORIGIN, task_name

#: Characters of a reason that are kept.
MOST_REASON = 300

#: Bytes that the body of a compressed message may have when inflated.
MOST_INFLATED = 16_777_216

#: The task that others send, besides those that are named like kinds of jobs, and every task besides Celery's own.
ACCEPT_TASK = "jobs.accept"
TASKS = frozenset({ACCEPT_TASK, *KINDS, *map(task_name, QUEUES)})

#: How kombu names the compression that can be inflated piece by piece.
_GZIP = ("application/x-gzip", "gzip", "zlib")


#: Where a message names tasks that a worker would send once its own has ended: to any queue, and with any content.
_FOLLOWING = ("callbacks", "errbacks", "chain", "chord")


class DeliveryInfo(Struct):
    """Where kombu puts a message back to."""

    exchange: str
    routing_key: str


class MessageProperties(Struct):
    """What kombu needs to acknowledge a message and to read its body."""

    delivery_tag: str | int
    delivery_info: DeliveryInfo
    body_encoding: Literal["base64", "utf-8"] | None = None
    priority: int | None = None
    reply_to: str | None = None
    correlation_id: str | None = None


class CeleryMessage(Struct, rename="kebab"):
    """A message as kombu lays it on a list; what else it holds is Celery's."""

    body: str
    properties: MessageProperties
    content_type: Literal["application/json"]
    content_encoding: str
    headers: dict[str, Any] | None = None


class TaskHeaders(Struct):
    """What Celery reads of a task before it runs: headers, or in protocol 1 fields of the body."""

    task: str
    id: str
    eta: datetime | None = None
    expires: datetime | None = None
    timelimit: tuple[float | None, float | None] | None = None
    retries: int | None = None
    root_id: str | None = None
    parent_id: str | None = None
    shadow: str | None = None
    group: str | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: int | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, str | list[str]] | None = None
    utc: bool | None = None


class WakeUpHeaders(Struct):
    """What tells a wake-up of the ledger from what Celery sends."""

    origin: str
    task: str
    id: str


class WakeUp(Struct):
    """A wake-up, as far as that is read of it."""

    headers: WakeUpHeaders


def read_wake_up(raw: bytes, queue: str) -> WakeUpHeaders | None:
    """Return what a wake-up of `queue` says of itself, None where `raw` is none of ours."""
    try:
        headers = msgspec.json.decode(raw, type=WakeUp).headers
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return headers if headers.origin == ORIGIN and headers.task == task_name(queue) else None


def why_unreadable(raw: bytes) -> str:
    """Return why `raw` is no message of Celery's, "" where it is one."""
    try:
        return _why_no_task(msgspec.json.decode(raw, type=CeleryMessage))
    except Exception as error:
        # Whatever a library raises for it, it would raise in the worker's loop again.
        return _in_words(error)


def why_no_entry(raw: bytes) -> str:
    """Return why `raw` is nothing that kombu could put back on a queue: message, exchange, routing key; "" if it is."""
    try:
        message, exchange, queue = msgspec.json.decode(raw, type=tuple[Raw, str, str])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return _in_words(error)
    if exchange or queue not in QUEUES:
        return f"it goes to {queue!r} of {exchange!r}, and there are {', '.join(QUEUES)}"
    return why_unreadable(bytes(message))


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".encode("ascii", "replace").decode()[:MOST_REASON]


def _why_no_task(message: CeleryMessage) -> str:
    headers, body = message.headers or {}, _body(message)
    # Protocol 1 names the task in the body, and protocol 2 in the headers.
    named = headers if "task" in headers else body
    if not isinstance(named, dict) or not all(isinstance(named.get(name), str) for name in ("task", "id")):
        return "its headers name no task and id"
    task = convert(named, TaskHeaders).task
    if task not in TASKS and not task.startswith("celery."):
        return f"there is no task {task!r}"
    if isinstance(body, dict):
        body = [body.get("args", []), body.get("kwargs", {}), body]
    match body:
        case [list(), dict(), dict() | None as options]:
            asked = [name for name in _FOLLOWING if named.get(name) or (options and options.get(name))]
            return f"it asks for other tasks behind it: {', '.join(asked)}" if asked else ""
    return "its body is no list of arguments, named arguments and options"


def _body(message: CeleryMessage) -> Any:
    in_base64 = message.properties.body_encoding == "base64"
    body = base64.b64decode(message.body) if in_base64 else message.body
    if message.headers and (compression := message.headers.get("compression")):
        _check_size(body, compression)
    untyped: Any = Message
    read = untyped(
        body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=message.headers,
        accept={message.content_type},
    )
    for _, error, _ in read.errors:
        # A compression that the body is not in.
        raise error
    return read.decode()


def _check_size(body: bytes | str, compression: object) -> None:
    """Raise ValueError for a body that is not known to stay within MOST_INFLATED; kombu would inflate all of it."""
    if compression not in _GZIP or isinstance(body, str):
        raise ValueError(f"only gzip in base64 is inflated, not {compression!r}")
    inflating = zlib.decompressobj()
    inflating.decompress(body, MOST_INFLATED)
    if inflating.unconsumed_tail:
        raise ValueError(f"it inflates to more than {MOST_INFLATED} bytes")
