"""Redis URLs that need no library: redis:// and rediss:// with the usual options."""

from __future__ import annotations

#: The schemes, and the options in the query that are understood.
_OPTIONS: dict[str, set[str]] = {
    "redis": set(),
    "rediss": {"ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname", "ssl_certfile", "ssl_keyfile"},
}


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
    options = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
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
        tls={name: _decoded(value) for name, value in options.items()} if scheme == "rediss" else None,
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
