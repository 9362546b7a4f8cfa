"""Whether what lies on one of Celery's keys is a message that a worker can take at all."""

from __future__ import annotations

import base64
from typing import Any, Literal

import msgspec
from kombu.message import Message
from msgspec import Struct

#: Characters of a reason that are kept.
MOST_REASON = 300


class DeliveryInfo(Struct):
    """Where kombu puts a message back to."""

    exchange: str
    routing_key: str


class MessageProperties(Struct):
    """What kombu needs to acknowledge a message and to read its body."""

    delivery_tag: str | int
    delivery_info: DeliveryInfo
    body_encoding: Literal["base64", "utf-8"] | None = None


class CeleryMessage(Struct, rename="kebab"):
    """A message as kombu lays it on a list; what else it holds is Celery's."""

    body: str
    properties: MessageProperties
    content_type: Literal["application/json"]
    content_encoding: str
    headers: dict[str, Any] | None = None


def why_unreadable(raw: bytes) -> str:
    """Return why `raw` is no message of Celery's, "" where it is one."""
    try:
        return _why_no_task(msgspec.json.decode(raw, type=CeleryMessage))
    except Exception as error:
        # Whatever a library raises for it, it would raise in the worker's loop again.
        return f"{type(error).__name__}: {error}".encode("ascii", "replace").decode()[:MOST_REASON]


def _why_no_task(message: CeleryMessage) -> str:
    headers, body = message.headers or {}, _body(message)
    # Protocol 1 names the task in the body, and protocol 2 in the headers.
    named = headers if "task" in headers else body
    if not isinstance(named, dict) or not all(isinstance(named.get(name), str) for name in ("task", "id")):
        return "its headers name no task and id"
    if isinstance(body, dict):
        body = [body.get("args", []), body.get("kwargs", {}), {}]
    match body:
        case [list(), dict(), dict() | None]:
            return ""
    return "its body is no list of arguments, named arguments and options"


def _body(message: CeleryMessage) -> Any:
    in_base64 = message.properties.body_encoding == "base64"
    untyped: Any = Message
    read = untyped(
        base64.b64decode(message.body) if in_base64 else message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=message.headers,
        accept={message.content_type},
    )
    for _, error, _ in read.errors:
        # A compression that is unknown, or that the body is not in.
        raise error
    return read.decode()
