"""The function through which a user of Redis accepts jobs who may do nothing else, and having Redis know it.

Redis runs a function with the rights of its caller. So that this one may write and its caller may not, it writes under
sealed names: their secret part stands in Redis' ACL file and in the function, and in no sender's hands.
"""

from __future__ import annotations

import os
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import structlog

from workers.core.jobs import KINDS, QUEUES
from workers.ledger import keys
from workers.ledger.accept import FUNCTION
from workers.ledger.client import RedisRefusal
from workers.ledger.connection import send
from workers.ledger.scripts import read
from workers.ledger.wake_up import MOST_WAKE_UPS, wake_up

if TYPE_CHECKING:
    from workers.ledger.client import RedisClient
    from workers.settings.model import Settings

log = structlog.get_logger(__name__)

#: The library of our function. Both names carry a number, which changes with what a call holds: two releases that
#: differ in it each find their own.
LIBRARY = FUNCTION

#: What the function leaves of `max_open_jobs` and `memory_percent` to the other entry points.
SHARE = 0.8

#: Bytes of a record beside twice the largest payload, whose text may grow when it is written as ASCII.
MORE_BYTES = 65_536

_PARTS = ("shared/sealed_writes", "shared/memory", "shared/markers")


def look_after_functions(redis: RedisClient, settings: Settings) -> None:
    """Load the function where Redis lacks it or has another text of it; raises ServiceAway("redis").

    A Redis that knows no functions, or an older ACL that keeps us from loading them, is warned of once.
    """
    try:
        _load_missing(redis, settings)
    except RedisRefusal as error:
        _warn_once(str(error))


@cache
def _warn_once(reason: str) -> None:
    log.warning("no function for Redis' users producer and stub", reason=reason, next="docs/security.md")


def _load_missing(redis: RedisClient, settings: Settings) -> None:
    known = _text_in(redis)
    # Without ACL any name will do, so that of the worker that loaded it first stays.
    secret = settings.functions_secret.reveal() or _secret_in(known or "") or os.urandom(16).hex()
    if known != library(secret, settings):
        send(redis, [("FUNCTION", "LOAD", "REPLACE", library(secret, settings))])


def _secret_in(text: str) -> str:
    """Return the secret part of the sealed names in a library's text, "" where it has none."""
    return text.partition(keys.sealed("").removesuffix(":"))[2].partition(":")[0]


def is_loaded(redis: RedisClient) -> bool:
    """Tell whether Redis knows the function; raises ServiceAway("redis")."""
    return _text_in(redis) is not None


def _text_in(redis: RedisClient) -> str | None:
    (libraries,) = send(redis, [("FUNCTION", "LIST", "LIBRARYNAME", LIBRARY, "WITHCODE")])
    return next((_code(library) for library in libraries), None)


def _code(fields: Any) -> str:
    # Names and values in turn, or a dictionary, as redis-py has it.
    named = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
    return bytes(named[b"library_code"]).decode()


@lru_cache(maxsize=2)
def library(secret: str, settings: Settings) -> str:
    """Return the text of the library, with what the settings allow; `secret` is part of each sealed name."""
    constants = {
        "NAME": _text(FUNCTION),
        "PREFIX": _text(keys.PREFIX),
        "CELERY": _text(keys.CELERY_PREFIX),
        "SEALED": _text(keys.sealed(secret)),
        "MOST_OPEN": max(1, int(settings.max_open_jobs * SHARE)),
        "MOST_MEMORY": int(settings.memory_percent * SHARE * 10),
        "MOST_RECORD": 2 * settings.max_payload_bytes + MORE_BYTES,
        "MOST_WAKE_UPS": MOST_WAKE_UPS,
        "WAKE_UPS": _table({queue: _text(wake_up(queue)) for queue in QUEUES}),
        "QUEUE_OF": _table({kind.name: _text(kind.queue) for kind in KINDS.values()}),
        "IS_ITS_CONTENT": _table({kind.name: "true" for kind in KINDS.values() if kind.window_s is None}),
    }
    lines = "".join(f"local {name} = {value}\n" for name, value in constants.items())
    shared = "".join(map(read, _PARTS))
    accept = f"local function accept(KEYS, ARGV)\n{read('accept')}end\n"
    return f"#!lua name={LIBRARY}\n{lines}{shared}{accept}{read('accept_function')}"


def _table(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"[ {_text(name)} ] = {value}" for name, value in values.items()) + "}"


def _text(text: str) -> str:
    """Write a text in which no line of Lua's long brackets ends."""
    return f"[==[{text}]==]"
