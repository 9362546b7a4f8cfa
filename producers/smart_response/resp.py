"""Redis's protocol over a bare socket: a stub asks two questions and is gone.

`import redis` alone takes ten times as long as everything that a stub does.
"""

from __future__ import annotations

import socket

from workers.errors import ServiceAway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#: Seconds to connect, and to wait for an answer; the same as in workers/ledger/connect.py.
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 1.0, 5.0

_SCHEMES = {"redis": False, "rediss": True}
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname", "ssl_certfile", "ssl_keyfile"}


class Refused(Exception):
    """Redis answers a command with an error; `code` is its first word, such as NOPERM."""

    def __init__(self, text: str) -> None:
        self.code = text.partition(" ")[0]
        super().__init__(text)


class Address:
    """Where Redis is and how one signs in there."""

    __slots__ = ("db", "host", "password", "port", "tls", "user")

    def __init__(
        self, host: str, port: int, *, db: str = "", user: str = "", password: str = "",
        tls: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.host, self.port, self.db, self.user, self.password, self.tls = (
            host,
            port,
            db,
            user,
            password,
            tls,
        )


def read_url(url: str) -> Address | None:
    """Read a plain redis:// or rediss:// URL; None for every other, which redis-py reads."""
    scheme, separator, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    options = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
    if (
        not separator
        or scheme not in _SCHEMES
        or not set(options) <= (_TLS_OPTIONS if _SCHEMES[scheme] else set())
    ):
        return None
    netloc, _, db = rest.partition("/")
    login, _, place = netloc.rpartition("@")
    user, _, password = login.partition(":")
    host, port = _split_host(place)
    if not port.isdecimal() or (db and not db.isdecimal()):
        return None
    return Address(
        host or "localhost",
        int(port),
        db=db,
        user=_decoded(user),
        password=_decoded(password),
        tls={name: _decoded(value) for name, value in options.items()} if _SCHEMES[scheme] else None,
    )


class Connection:
    """One connection, signed in; every wait on it is bounded. Raises ServiceAway("redis")."""

    def __init__(self, address: Address) -> None:
        try:
            self._socket = _connected(address.host, address.port)
            if address.tls is not None:
                self._socket = _secured(self._socket, address.host, address.tls)
        except (OSError, ValueError) as error:
            raise away(error) from error
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        self._file = self._socket.makefile("rb")
        self._greeting: list[Sequence[str | bytes | int]] = []
        if address.password:
            self._greeting.append(("AUTH", *filter(None, (address.user,)), address.password))
        if address.db.strip("0"):
            self._greeting.append(("SELECT", address.db))

    def close(self) -> None:
        """Hang up."""
        self._file.close()
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
            raise away(error) from error
        if isinstance(answer, Refused):
            raise answer
        return answer

    def _read(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection was closed")
        mark, rest = line[:1], line[1:-2]
        if mark == b"$":
            return self._read_text(int(rest))
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

    def _read_text(self, size: int) -> bytes | None:
        if size < 0:
            return None
        text = self._file.read(size + 2)
        if len(text) < size + 2:
            raise ConnectionResetError("the connection was closed")
        return text[:-2]


def away(error: Exception) -> ServiceAway:
    """Return the error for a Redis that cannot be used now."""
    if isinstance(error, Refused) and error.code in ("NOAUTH", "WRONGPASS", "NOPERM"):
        return ServiceAway("redis", f"Redis refuses our user: {error}; correct TQ_REDIS_URL or the ACL.")
    return ServiceAway(
        "redis", f"Redis cannot be reached: {error}. Is it running, and is TQ_REDIS_URL right?"
    )


def _split_host(place: str) -> tuple[str, str]:
    if place[:1] == "[":
        host, _, port = place[1:].partition("]")
        return host, port.removeprefix(":") or "6379"
    host, _, port = place.partition(":")
    return host, port or "6379"


def _decoded(text: str) -> str:
    """Undo %-escapes; urllib costs 8 ms."""
    head, *rest = text.encode().split(b"%")
    try:
        return b"".join([head, *(bytes.fromhex(part[:2].decode()) + part[2:] for part in rest)]).decode()
    except ValueError:
        return text


def _connected(host: str, port: int) -> socket.socket:
    """Return a connection to the first address of `host` that takes one."""
    # As bytes: Python would import its IDNA tables for a name that needs none.
    name = host.encode() if host.isascii() else host
    problem = OSError(f"{host} has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        candidate = socket.socket(family, kind, protocol)
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


def _secured(plain: socket.socket, host: str, options: dict[str, str]) -> socket.socket:
    """Wrap a connection in TLS; certificates are verified unless the URL says otherwise."""
    import ssl

    try:
        secured: socket.socket = _context(ssl, options).wrap_socket(plain, server_hostname=host)
    except OSError:
        plain.close()
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
