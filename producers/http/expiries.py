"""Tells the ledger when the certificate and the tokens of the HTTP entry point end, for the notices of the workers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from math import inf

import structlog
from anyio.to_thread import run_sync

from producers.http.tokens import ApiTokens
from workers.core.certificates import certificate_ends_ms
from workers.core.errors import ServiceAway
from workers.ledger.connection import connect
from workers.ledger.expiries import tell_expiry
from workers.settings.model import Settings

log = structlog.get_logger("tq.http")

#: Seconds between two times that it is told: tokens change while the entry point runs.
TELL_EVERY_S = 3_600.0

#: Seconds that Redis may take.
ANSWER_TIMEOUT_S = 2.0


async def keep_telling(settings: Settings, tokens: ApiTokens) -> None:
    """Say when they end, again and again until cancelled."""
    while True:
        await run_sync(lambda: tell_expiries(settings, tokens, time.time()))
        await asyncio.sleep(TELL_EVERY_S)


def tell_expiries(settings: Settings, tokens: ApiTokens, now_s: float) -> None:
    """Say when they end; without Redis that is left to the next time."""
    try:
        with connect(settings.redis_url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0) as redis:
            for name, ends_s in _ends(settings, tokens, now_s):
                tell_expiry(redis, f"{name} on {socket.gethostname()}", ends_s)
    except ServiceAway as error:
        log.info("the end of certificate and tokens is not told", reason=str(error))


def _ends(settings: Settings, tokens: ApiTokens, now_s: float) -> Iterator[tuple[str, float | None]]:
    """Yield what ends and when: of the tokens the name whose last one ends first."""
    yield (
        "the certificate of the HTTP entry point",
        certificate_ends_ms(settings.http_tls_cert) / 1000 or None,
    )
    yield "the authority of HTTP clients", certificate_ends_ms(settings.http_tls_client_ca) / 1000 or None
    ends: dict[str, float] = {}
    for holder in tokens.known.values():
        ends[holder.name] = max(ends.get(holder.name, 0.0), now_s + holder.seconds_left(now_s))
    first_s = min(ends.values(), default=inf)
    yield "the next token of the HTTP entry point", None if first_s == inf else first_s
