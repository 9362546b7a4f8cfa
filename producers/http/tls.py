"""TLS of the HTTP entry point: its certificate, and the authority that its clients must show one of."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from workers.core.errors import ConfigError
from workers.settings.model import Settings


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
