"""CloudEvents in their JSON form: the envelope comes off, its source and id tell repeats apart."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from workers.errors import InputError

#: What makes an object an envelope (CloudEvents 1.0, JSON format, section 3).
_ENVELOPE = ("specversion", "id", "source", "type")


def is_cloud_event(body: dict[str, Any]) -> bool:
    """Say whether `body` is an envelope and not a payload itself."""
    return "event_name" not in body and all(
        isinstance(body.get(name), str) and body[name] for name in _ENVELOPE
    )


def unwrap(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the payload in an envelope, and the key that repeats of it share; raises InputError without one."""
    payload = _data(body)
    if body.get("time") and not payload.get("event_happened_at"):
        payload = {**payload, "event_happened_at": body["time"]}
    return payload, key_of(body["source"], body["id"])


def key_of(source: str, event_id: str) -> str:
    """Return the key that all repeats of one event share: producers promise that source and id are unique."""
    return "cloudevents:" + hashlib.sha256(json.dumps([source, event_id]).encode()).hexdigest()[:32]


def _data(body: dict[str, Any]) -> dict[str, Any]:
    field, data = "data", body.get("data")
    try:
        if "data_base64" in body:
            field = "data_base64"
            data = json.loads(base64.b64decode(body[field], validate=True))
        elif isinstance(data, str):
            data = json.loads(data)
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise InputError("holds no JSON; put the payload there as a JSON object", field=field) from error
    if not isinstance(data, dict):
        raise InputError("is missing or no object; put the payload there as a JSON object", field=field)
    return data
