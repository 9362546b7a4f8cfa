"""The message that wakes a queue: what Celery itself would send for a task without arguments."""

from __future__ import annotations

import json
from binascii import b2a_base64
from functools import cache

#: Stands for the id until a script adds a wake-up; each wake-up's id is its own.
WAKE_UP_ID = "@wake_up@"

#: Wake-ups that wait on a queue before accept adds no more; a worker that leaves work behind adds another.
MOST_WAKE_UPS = 32


def task_name(queue: str) -> str:
    """Return the name of the Celery task that works on `queue`."""
    return f"{queue}.work"


#: What a wake-up names as its origin, where Celery's own messages name a process.
ORIGIN = "ledger"

#: How the id of a wake-up begins that stands for many jobs (lua/wake.lua).
FOR_MANY = "ring-"


@cache
def wake_up(queue: str) -> str:
    """Return the message that wakes `queue`, with `WAKE_UP_ID` where the id of the Celery task belongs.

    It follows protocol 2 and holds no event data. Made here and not by Celery's `send_task`, which costs 0.5-0.9 ms
    and copies arguments into headers; a contract test holds it against what Celery would have sent.
    """
    return json.dumps(_message(queue))


def _message(queue: str) -> dict[str, object]:
    embed = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = json.dumps([[], {}, embed])
    return {
        "body": b2a_base64(body.encode(), newline=False).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "lang": "py",
            "task": task_name(queue),
            "id": WAKE_UP_ID,
            "shadow": None,
            "eta": None,
            "expires": None,
            "group": None,
            "group_index": None,
            "retries": 0,
            "timelimit": [None, None],
            "root_id": WAKE_UP_ID,
            "parent_id": None,
            "argsrepr": "()",
            "kwargsrepr": "{}",
            "origin": ORIGIN,
            "ignore_result": True,
            "replaced_task_nesting": 0,
            "stamped_headers": None,
            "stamps": {},
        },
        "properties": {
            "correlation_id": WAKE_UP_ID,
            "reply_to": "",
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": WAKE_UP_ID,
        },
    }
