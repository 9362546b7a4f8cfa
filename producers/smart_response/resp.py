"""Redis's protocol over a bare socket: a stub asks two questions and is gone.

`import redis` alone takes ten times as long as everything that a stub does. Even `socket` is left alone: what it adds
to the C module below it (selectors, enum and more) is not needed here and takes 4 ms, a third of Python's own start.
"""

from __future__ import annotations

import _socket

from workers.errors import ServiceAway
from workers.ledger.accept import OUT_OF_MEMORY, READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from producers.smart_response.address import Address

#: Seconds to connect, and to wait for an answer; the same as in workers/ledger/connect.py.
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 1.0, 5.0

#: Bytes that are read at once.
CHUNK = 65_536


class Refused(Exception):
    """Redis answers a command with an error; `code` is its first word, such as NOPERM."""

    def __init__(self, text: str) -> None:
        self.code = text.partition(" ")[0]
        super().__init__(text)


class Connection:
    """One connection, signed in; every wait on it is bounded. Raises ServiceAway("redis")."""

    def __init__(self, address: Address) -> None:
        self._place = f"{address.host}:{address.port}"
        try:
            self._socket = _connected(address.host, address.port)
            if address.tls is not None:
                self._socket = _secured(self._socket, address.host, address.tls)
        except (OSError, ValueError) as error:
            raise self._away(error) from error
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        self._read_ahead = b""
        self._greeting: list[Sequence[str | bytes | int]] = []
        if address.password:
            self._greeting.append(("AUTH", *filter(None, (address.user,)), address.password))
        if address.db.strip("0"):
            self._greeting.append(("SELECT", address.db))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def call(self, *command: str | bytes | int) -> Any:
        """Return Redis's answer to one command; raises Refused when that is an error."""
        # Not in one go with the command, which would run as nobody or in the wrong database if this is refused.
        while self._greeting:
            self._ask(self._greeting[0])
            self._greeting.pop(0)
        return self._ask(command)

    def _ask(self, command: Sequence[str | bytes | int]) -> Any:
        try:
            self._socket.sendall(_packed(command))
            answer = self._read()
        except (OSError, ValueError) as error:
            raise self._away(error) from error
        if isinstance(answer, Refused):
            raise answer
        return answer

    def _away(self, error: OSError | ValueError) -> ServiceAway:
        why = getattr(error, "strerror", "") or str(error).rstrip(".")
        return ServiceAway(
            "redis",
            f"Redis at {self._place} cannot be reached: {why}. Is it running, and is TQ_REDIS_URL right?",
        )

    def _read(self) -> Any:
        line = self._line()
        mark, rest = line[:1], line[1:]
        if mark == b"$":
            size = int(rest)
            return None if size < 0 else self._take(size, 2)
        if mark == b"*":
            size = int(rest)
            return None if size < 0 else [self._read() for _ in range(size)]
        if mark == b":":
            return int(rest)
        if mark == b"-":
            return Refused(rest.decode(errors="replace"))
        if mark == b"+":
            return rest
        raise ValueError("what answers there is no Redis")

    def _line(self) -> bytes:
        while (end := self._read_ahead.find(b"\r\n")) < 0:
            self._receive()
        return self._take(end, 2)

    def _take(self, size: int, ending: int) -> bytes:
        """Return the next `size` bytes and drop the `ending` that follows them."""
        while len(self._read_ahead) < size + ending:
            self._receive()
        taken, self._read_ahead = self._read_ahead[:size], self._read_ahead[size + ending :]
        return taken

    def _receive(self) -> None:
        data = self._socket.recv(CHUNK)
        if not data:
            raise ConnectionResetError("the connection was closed")
        self._read_ahead += data


def away(error: Refused) -> ServiceAway:
    """Return the error for a Redis that refuses a command now."""
    if error.code in ("NOAUTH", "WRONGPASS", "NOPERM"):
        return ServiceAway("redis", f"Redis refuses our user: {error}; correct TQ_REDIS_URL or the ACL.")
    meant = {"OOM": OUT_OF_MEMORY, "READONLY": READ_ONLY}.get(error.code)
    return ServiceAway(
        "redis",
        meant
        or f"Redis refuses this: {str(error).rstrip('.')}. Is TQ_REDIS_URL right? tqctl check says more",
    )


def _connected(host: str, port: int) -> _socket.socket:
    """Return a connection to the first address of `host` that takes one."""
    # As bytes: Python would import its IDNA tables for a name that needs none.
    name = host.encode() if host.isascii() else host
    problem = OSError(f"{host} has no address")
    for family, kind, protocol, _, place in _socket.getaddrinfo(name, port, type=_socket.SOCK_STREAM):
        candidate = _socket.socket(family, kind, protocol)
        candidate.settimeout(CONNECT_TIMEOUT_S)
        try:
            candidate.connect(place)
        except OSError as error:
            candidate.close()
            problem = error
        else:
            return candidate
    raise problem


def _packed(command: Sequence[str | bytes | int]) -> bytes:
    parts = [
        part if isinstance(part, bytes) else str(part).encode(errors="surrogateescape") for part in command
    ]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _secured(plain: _socket.socket, host: str, options: dict[str, str]) -> _socket.socket:
    """Wrap a connection in TLS; certificates are verified unless the URL says otherwise."""
    import socket
    import ssl

    whole = socket.socket(fileno=plain.detach())
    whole.settimeout(CONNECT_TIMEOUT_S)
    try:
        secured: _socket.socket = _context(ssl, options).wrap_socket(whole, server_hostname=host)
    except OSError:
        whole.close()
        raise
    return secured


def _context(ssl: Any, options: dict[str, str]) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    required = options.get("ssl_cert_reqs", "required") == "required"
    context.check_hostname = required and options.get("ssl_check_hostname", "true").lower() in ("true", "1")
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_NONE
    if "ssl_ca_certs" in options:
        context.load_verify_locations(options["ssl_ca_certs"])
    elif required:
        context.load_default_certs()
    if "ssl_certfile" in options:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context
