"""TLS over a bare socket, by the part of Python's `ssl` that is written in C: the rest takes 10 ms to load."""

from __future__ import annotations

import _socket
import _ssl
import os

from workers.core.redis_tls import verifies_certificate, verifies_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Socket(_socket.socket):
    """A socket that the layer above it need not keep alive."""

    __slots__ = ("__weakref__",)


class SecuredSocket:
    """A connected socket in TLS, after its handshake; certificates are verified unless `options` say otherwise.

    `options` are those of a Redis URL. Raises OSError, also for a certificate that does not verify.
    """

    def __init__(self, plain: _socket.socket, host: str, options: dict[str, str]) -> None:
        within_s = plain.gettimeout()
        self._plain = _Socket(fileno=plain.detach())
        try:
            self._plain.settimeout(within_s)
            self._tls: Any = _context(options)._wrap_socket(self._plain, False, host)
            self._tls.do_handshake()
        except OSError:
            self._plain.close()
            raise

    def settimeout(self, seconds: float) -> None:
        """Bound each wait."""
        self._plain.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        """Send all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]

    def recv(self, most: int) -> bytes:
        """Return what has come, `most` bytes of it; b"" once the other side has hung up."""
        return bytes(self._tls.read(most))

    def close(self) -> None:
        """Hang up."""
        self._plain.close()


def _context(options: dict[str, str]) -> Any:
    is_required, authority = verifies_certificate(options), options.get("ssl_ca_certs")
    context = _windows_context() if is_required and not authority and os.name == "nt" else _bare_context()
    context.check_hostname = verifies_name(options)
    context.verify_mode = _ssl.CERT_REQUIRED if is_required else _ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority)
    elif is_required:
        context.set_default_verify_paths()
    if "ssl_certfile" in options:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context


def _bare_context() -> Any:
    return _ssl._SSLContext(_ssl.PROTOCOL_TLS_CLIENT)


def _windows_context() -> Any:
    """Return a context with the authorities that Windows trusts, which only the whole module reads."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context
