"""The addresses of services: a host name or a URL becomes the one URL that a client calls."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from workers.core.errors import ConfigError

#: User and password of a URL that stands in a text.
_LOGIN = re.compile(r'(?<=://)([^/?#\s"@:]*):[^/?#\s"]*@')

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")

_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")


def service_url(text: str, *, setting: str, port: int | None = None) -> str:
    """Return `scheme://host[:port][/path]` without a closing slash, for a host name, an address or a URL.

    `https` is assumed, and `port` where the text names none. Raises ConfigError, naming `setting`; plain
    http is refused unless the host is this machine, because it would send passwords in the clear.
    """
    parts = _split(text.strip(), setting)
    host = _host(parts, text, setting)
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"{text!r} is plain http, which sends the password in the clear; use https "
            "(http is for this machine alone)",
            field=setting,
        )
    number = _port(parts, text, setting) or port
    shown = f"[{host}]" if ":" in host else host
    netloc = f"{shown}:{number}" if number else shown
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def without_passwords(text: str) -> str:
    """Return `text` with the password of every URL in it as stars."""
    return _LOGIN.sub(r"\1:***@", text)


def shown_url(url: str) -> str:
    """Return one URL as it may be shown: its password as stars, also where its `/`, `?` or `#` is not escaped."""
    login, at_sign, rest = url.rpartition("@")
    scheme, mark, login = login.partition("://")
    if not (mark and _SCHEME.fullmatch(scheme)):
        return f"***@{rest}" if at_sign else url
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}:***@{rest}" if colon else url


def tls_options(redis_url: str) -> dict[str, str]:
    """Return the options of a rediss:// URL as redis-py reads them; {} for another scheme."""
    scheme, _, rest = redis_url.partition("://")
    query = rest.partition("?")[2].partition("#")[0] if scheme == "rediss" else ""
    return {name: values[0] for name, values in parse_qs(query).items()}


def _split(text: str, setting: str) -> SplitResult:
    if "://" not in text:
        text = f"https://[{text}]" if _is_bare_ipv6(text) else f"https://{text}"
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ConfigError(f"{shown_url(text)!r} is no host name or URL ({error})", field=setting) from error
    if parts.scheme not in ("http", "https"):
        raise ConfigError(f"{parts.scheme!r} is no scheme for a service; use https", field=setting)
    if "@" in parts.netloc:
        raise ConfigError(
            "a user or password does not belong into the address; use the settings for them", field=setting
        )
    if parts.query or parts.fragment:
        raise ConfigError(f"{text!r} has a query or a fragment; give host and path alone", field=setting)
    return parts


def _host(parts: SplitResult, text: str, setting: str) -> str:
    host = (parts.hostname or "").lower()
    if _is_address(host):
        return host
    try:
        name = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        name = ""
    if not _HOST_NAME.fullmatch(name):
        raise ConfigError(f"{text!r} is no host name or URL; for example threatq.example.com", field=setting)
    return name


def _port(parts: SplitResult, text: str, setting: str) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise ConfigError(f"{text!r} has no usable port; ports are 1 to 65535", field=setting) from error


def _is_bare_ipv6(text: str) -> bool:
    return ":" in text and _is_address(text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
