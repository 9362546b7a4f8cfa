"""CloudEvents in their JSON form: the envelope comes off, its source and id tell repeats apart."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from msgspec import Struct

from workers.core.errors import InputError
from workers.payload.reading import ReadingRefused, read_payloads

#: What every key of a CloudEvent begins with.
_KEY = "cloudevents:"

_NO_NAME = "id or source: missing or no text; a repeat is told by the payload alone"


class Unwrapped(Struct, frozen=True):
    """The payload of an envelope, the key that repeats of it share, "" for none, and what was odd."""

    payload: dict[str, Any]
    key: str = ""
    warnings: tuple[str, ...] = ()


def is_cloud_event(body: dict[str, Any]) -> bool:
    """Say whether `body` is an envelope and not a payload itself."""
    return "specversion" in body and "event_name" not in body


def unwrap(body: dict[str, Any], *, max_bytes: int) -> Unwrapped:
    """Take the payload out of an envelope; raises InputError where there is none."""
    payload, warnings = _data(body, max_bytes)
    if body.get("time") and not payload.get("event_happened_at"):
        payload = {**payload, "event_happened_at": body["time"]}
    source, event_id = body.get("source"), body.get("id")
    if isinstance(source, str) and isinstance(event_id, str) and source and event_id:
        return Unwrapped(payload, key_of(source, event_id), warnings)
    return Unwrapped(payload, "", (*warnings, _NO_NAME))


def key_of(source: str, event_id: str) -> str:
    """Return the key that all repeats of one event share: producers promise that source and id are unique."""
    return _KEY + hashlib.sha256(json.dumps([source, event_id]).encode()).hexdigest()[:32]


def is_key(key: str) -> bool:
    """Say whether `key` is one that `key_of` made."""
    return key.startswith(_KEY)


def _data(body: dict[str, Any], max_bytes: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the payload and what was odd about its text, where it came as text."""
    if "data_base64" in body:
        try:
            return _read(base64.b64decode(body["data_base64"], validate=True), "data_base64", max_bytes)
        except (ValueError, TypeError, binascii.Error) as error:
            raise InputError(
                "is no base64; put the payload there as a JSON object", field="data_base64"
            ) from error
    data = body.get("data")
    if isinstance(data, str):
        return _read(data, "data", max_bytes)
    if not isinstance(data, dict):
        raise InputError("is missing or no object; put the payload there as a JSON object", field="data")
    return data, ()


def _read(text: bytes | str, field: str, max_bytes: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read a payload that stands in an envelope as text, as carefully as one without."""
    first, *more = read_payloads(text, max_bytes=max_bytes)
    if isinstance(first, ReadingRefused):
        raise InputError(first.reason, field=field)
    if more:
        raise InputError("holds more than one payload; give each an envelope of its own", field=field)
    return first.body, first.warnings
