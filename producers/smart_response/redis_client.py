"""Redis's protocol over a bare socket, and the Redis URLs that need no library: a stub asks two questions and is gone.

`import redis` alone takes ten times as long as everything that a stub does. Even `socket` is left alone: what it adds
to the C module below it (selectors, enum and more) is not needed here and takes 4 ms, a third of Python's own start.
"""

from __future__ import annotations

import _socket

from workers.core.errors import MemoryFull, ServiceAway
from workers.ledger.accept import COME_AGAIN_S, NO_FUNCTION, READ_ONLY, is_without_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from producers.smart_response.tls import SecuredSocket

#: Seconds to connect, and to wait for an answer; the same as in workers/ledger/connection.py.
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 1.0, 5.0

#: Bytes that are read at once.
CHUNK = 65_536

#: What `ssl_cert_reqs` may say, as in workers/core/redis_tls.py, which is loaded only where TLS is.
_CERT_REQS = ("required", "optional", "none")

#: The schemes, and the options in the query that are understood.
_OPTIONS: dict[str, set[str]] = {
    "redis": set(),
    "rediss": {"ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname", "ssl_certfile", "ssl_keyfile"},
}


class RedisError(Exception):
    """Redis answers a command with an error; `code` is its first word, such as NOPERM."""

    def __init__(self, text: str) -> None:
        self.code = text.partition(" ")[0]
        super().__init__(text)


class Connection:
    """One connection, signed in; every wait on it is bounded. Raises ServiceAway("redis")."""

    def __init__(self, address: Address) -> None:
        self._place = f"{address.host}:{address.port}"
        try:
            self._socket = _connected(address)
        except (OSError, ValueError) as error:
            raise self._away(error) from error
        self._socket.settimeout(ANSWER_TIMEOUT_S)
        self._read_ahead = b""
        self._greeting: list[Sequence[str | bytes | int | float]] = []
        if address.password:
            self._greeting.append(("AUTH", *filter(None, (address.user,)), address.password))
        if address.db.strip("0"):
            self._greeting.append(("SELECT", address.db))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def call(self, *command: str | bytes | int | float) -> Any:
        """Return Redis's answer to one command; raises RedisError when that is an error."""
        (answer,) = self.call_all([command])
        if isinstance(answer, RedisError):
            raise answer
        return answer

    def call_all(self, commands: Sequence[Sequence[str | bytes | int | float]]) -> list[Any]:
        """Return Redis's answers to commands that go out together, a RedisError for each that it refuses.

        Raises RedisError where it refuses our user or our database.
        """
        # Not in one go with the commands, which would run without a user or in the wrong database if this is refused.
        if self._greeting:
            for answer in self._ask(self._greeting):
                if isinstance(answer, RedisError):
                    raise answer
            self._greeting.clear()
        return self._ask(commands)

    def _ask(self, commands: Sequence[Sequence[str | bytes | int | float]]) -> list[Any]:
        try:
            self._socket.sendall(b"".join(map(_packed, commands)))
            return [self._read() for _ in commands]
        except (OSError, ValueError) as error:
            raise self._away(error) from error

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
            return RedisError(rest.decode(errors="replace"))
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


def away(error: RedisError) -> ServiceAway:
    """Return the error for a Redis that refuses a command now."""
    if is_without_function(str(error)):
        return ServiceAway("redis", NO_FUNCTION)
    if error.code in ("NOAUTH", "WRONGPASS", "NOPERM"):
        return ServiceAway("redis", f"Redis refuses our user: {error}; correct TQ_REDIS_URL or the ACL.")
    if error.code == "OOM":
        from workers.ledger.fullness import OUT_OF_MEMORY

        return MemoryFull("redis", OUT_OF_MEMORY, after=COME_AGAIN_S)
    if error.code == "READONLY":
        return ServiceAway("redis", READ_ONLY)
    return ServiceAway(
        "redis", f"Redis refuses this: {str(error).rstrip('.')}. Is TQ_REDIS_URL right? tqctl check says more"
    )


def _connected(address: Address) -> _socket.socket | SecuredSocket:
    """Return a connection, in TLS where that is asked for."""
    plain = _plain(address.host, address.port)
    if address.tls is None:
        return plain
    from producers.smart_response.tls import SecuredSocket

    return SecuredSocket(plain, address.host, address.tls)


def _plain(host: str, port: int) -> _socket.socket:
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


def _packed(command: Sequence[str | bytes | int | float]) -> bytes:
    parts = [
        part if isinstance(part, bytes) else str(part).encode(errors="surrogateescape") for part in command
    ]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


class Address:
    """Where Redis is and how one signs in there."""

    __slots__ = ("db", "host", "password", "port", "tls", "user")

    def __init__(
        self,
        host: str,
        port: int,
        *,
        db: str = "",
        user: str = "",
        password: str = "",
        tls: dict[str, str] | None = None,
    ) -> None:
        self.host, self.port, self.db = host, port, db
        self.user, self.password, self.tls = user, password, tls


def read_url(url: str) -> Address | None:
    """Read a plain redis:// or rediss:// URL; None for every other, which redis-py reads."""
    scheme, separator, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    pairs = [pair.split("=", 1) for pair in query.split("&") if "=" in pair]
    options = {name: _decoded(value) for name, value in pairs if value}
    # redis-py takes the first of two, and refuses a word that it does not know: neither may mean less here.
    if len(options) < len(pairs) or options.get("ssl_cert_reqs", "required") not in _CERT_REQS:
        return None
    if not separator or scheme not in _OPTIONS or not set(options) <= _OPTIONS[scheme]:
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
        tls=options if scheme == "rediss" else None,
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
