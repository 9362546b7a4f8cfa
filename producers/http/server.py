"""What uvicorn's connections lack: time limits, and an answer to some requests that they misread or drop.

TLS of the HTTP entry point: its certificate, and the authority that its clients must show one of.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from pathlib import Path
from typing import Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from producers.http.problems import Problem
from workers.core.errors import ConfigError
from workers.settings.model import Settings

#: Seconds in which a request's head must be complete once it has begun, and the first one of a connection at all.
HEAD_WITHIN_S = 20.0

#: Seconds in which the other side of an idle TLS connection must close it when the producer stops; many never do.
CLOSED_WITHIN_S = 0.5

_UPGRADE = re.compile(rb"^upgrade(?=:)", re.IGNORECASE | re.MULTILINE)

_NO_HTTP = Problem(
    400,
    "not_http",
    "this is no HTTP/1.1 request; does the sender speak TLS (https://) or HTTP/2 to a port that expects neither?",
    headers={"Connection": "close"},
)


class _Connection(asyncio.Protocol):
    """Closes a connection whose request does not come, or comes byte by byte; answers whoever only listens still."""

    #: uvicorn's own: the request in hand, None before the first.
    cycle: Any = None

    _closing: asyncio.TimerHandle | None = None
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are Transports in all but ancestry.
        self._transport = cast(asyncio.Transport, transport)
        self._start_timer()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        between = before is None or (before.response_complete and not before.more_body)
        super().data_received(_declined(data) if between and b"pgrade:" in data else data)
        if self.cycle is not before:
            self._stop_timer()
        elif between:
            self._start_timer()

    def eof_received(self) -> bool:
        """Keep the line for an answer that is under way, where the other side has said all that it will."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body or not self._transport.can_write_eof():
            return False
        cycle.keep_alive = False
        return True

    def send_400_response(self, _message: str) -> None:
        """Refuse what the parser could not read, like everything else is refused."""
        answer = _NO_HTTP.response("")
        head = b"".join(b"%b: %b\r\n" % pair for pair in answer.raw_headers)
        self._transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, bytes(answer.body)))
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        idle = self.cycle is None or self.cycle.response_complete
        cast(Any, super()).shutdown()
        if idle:
            asyncio.get_running_loop().call_later(CLOSED_WITHIN_S, self._transport.abort)

    def _start_timer(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(HEAD_WITHIN_S, self._transport.close)

    def _stop_timer(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


def _declined(data: bytes) -> bytes:
    """Return a request without its offer to go on in another protocol, which a server may ignore.

    Every stock Java client makes one (h2c), and behind it uvicorn's parser reads no body: Kludex/uvicorn#2722.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"X-Offer", head) + end + body


# uvicorn picks its parser at import, so the class can only be put together here.
HttpProtocol: type[asyncio.Protocol] = type("DoorProtocol", (_Connection, AutoHTTPProtocol), {})


def tls_options(settings: Settings) -> dict[str, Any]:
    """Return what the server is told about TLS; nothing for plain HTTP. Raises ConfigError for files it cannot use."""
    if not settings.http_tls_cert:
        if settings.http_tls_client_ca:
            raise ConfigError(
                "clients can show a certificate only over TLS; set TQ_HTTP_TLS_CERT too",
                field="http_tls_client_ca (TQ_HTTP_TLS_CLIENT_CA)",
            )
        return {}
    options: dict[str, Any] = {
        "ssl_certfile": _file(settings.http_tls_cert, "http_tls_cert (TQ_HTTP_TLS_CERT)"),
        "ssl_keyfile": _file(
            settings.http_tls_key or settings.http_tls_cert, "http_tls_key (TQ_HTTP_TLS_KEY)"
        ),
    }
    if settings.http_tls_client_ca:
        options["ssl_ca_certs"] = _file(
            settings.http_tls_client_ca, "http_tls_client_ca (TQ_HTTP_TLS_CLIENT_CA)"
        )
        options["ssl_cert_reqs"] = ssl.CERT_REQUIRED
    _try(options)
    return options


def _file(path: str, field: str) -> str:
    if not Path(path).is_file():
        raise ConfigError(f"{path} is not a file", field=field)
    return path


def _try(options: dict[str, Any]) -> None:
    """Load the files once, so that a wrong one is named here and not in a traceback of the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options["ssl_certfile"], options["ssl_keyfile"], password="")
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"certificate and key cannot be used together: {error}; both are PEM, the key without a passphrase",
            field="http_tls_cert (TQ_HTTP_TLS_CERT)",
        ) from error
    if "ssl_ca_certs" in options:
        try:
            context.load_verify_locations(options["ssl_ca_certs"])
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"it holds no certificate in PEM: {error}",
                field="http_tls_client_ca (TQ_HTTP_TLS_CLIENT_CA)",
            ) from error
