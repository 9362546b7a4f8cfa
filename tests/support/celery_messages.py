"""Messages on Celery's keys as a client of Celery lays them there, and with anything in them changed."""

from __future__ import annotations

import base64
import json
from typing import Any

#: Where kombu puts a message back to.
INFO = {"exchange": "", "routing_key": "upkeep"}


def message(body: Any = ([], {}, {}), /, **changed: Any) -> bytes:
    """Return a message for a task of ours as Celery sends it, but for what is `changed`; None leaves a field out."""
    fields = {
        "body": base64.b64encode(json.dumps(body).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "upkeep.work", "id": "1"},
        "properties": {"delivery_tag": "1", "delivery_info": INFO, "body_encoding": "base64"},
    } | changed
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def headed(**headers: Any) -> bytes:
    """Return a message with more headers."""
    return message(headers={"task": "upkeep.work", "id": "1", **headers})


def compressed(data: bytes, compression: str) -> bytes:
    """Return a message whose body is `data`, said to be compressed so."""
    text = base64.b64encode(data).decode()
    return message(
        **{"body": text, "headers": {"task": "upkeep.work", "id": "1", "compression": compression}}
    )
