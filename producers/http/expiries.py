"""Tells the ledger when the certificate and the tokens of the HTTP entry point end, for the notices of the workers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import structlog

from producers.http.tokens import ApiTokens
from workers.core.certificates import certificate_ends_ms
from workers.core.errors import ServiceAway
from workers.ledger.connection import connect
from workers.ledger.expiries import tell_expiry
from workers.settings.model import Settings

log = structlog.get_logger("tq.http")

#: Seconds that Redis may take: no request waits for it, but the start does.
ANSWER_TIMEOUT_S = 2.0


def tell_expiries(settings: Settings, tokens: ApiTokens, now_s: float) -> None:
    """Say when they end; without Redis that is left to the next start."""
    try:
        with connect(settings.redis_url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0) as redis:
            for name, ends_s in _ends(settings, tokens, now_s):
                tell_expiry(redis, f"{name} on {socket.gethostname()}", ends_s)
    except ServiceAway as error:
        log.info("the end of certificate and tokens is not told", reason=str(error))


def _ends(settings: Settings, tokens: ApiTokens, now_s: float) -> Iterator[tuple[str, float | None]]:
    """Yield what ends and when; of several tokens the first that is still good."""
    yield (
        "the certificate of the HTTP entry point",
        certificate_ends_ms(settings.http_tls_cert) / 1000 or None,
    )
    yield "the authority of HTTP clients", certificate_ends_ms(settings.http_tls_client_ca) / 1000 or None
    left_s = [holder.seconds_left(now_s) for holder in tokens.known.values() if holder.last_day]
    good = [seconds for seconds in left_s if seconds > 0]
    yield "the next token of the HTTP entry point", now_s + min(good) if good else None
