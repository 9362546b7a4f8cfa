"""What `normalize: "Y"` does to a value: quotes, spaces, defanging, a URL's scheme, an address's port."""

from __future__ import annotations

import ipaddress
import re

import msgspec

_SCHEME = re.compile(r"^(https?|ftps?)://", re.IGNORECASE)
_PORT = re.compile(r"^(\d+\.\d+\.\d+\.\d+):(\d+)$")
_REFANG = (("hxxp", "http"), ("[.]", "."), ("(.)", "."), ("[:]", ":"), ("[@]", "@"))


class Normal(msgspec.Struct, frozen=True):
    """A value in its stored form, the type that this makes it, and attributes that carry what was cut off."""

    value: str
    type: str
    attributes: tuple[tuple[str, str], ...] = ()


def normalise(value: str, type: str) -> Normal:
    """The stored form of a value of this type."""
    value = _tidy(value, type)
    if type == "URL":
        return _without_scheme(value)
    port = _PORT.match(value) if type == "IP Address" else None
    return Normal(port[1], type, (("Port", port[2]),)) if port else Normal(value, type)


def _without_scheme(value: str) -> Normal:
    """A URL without scheme; a bare host becomes an FQDN or an address."""
    scheme = _SCHEME.match(value)
    rest = value[scheme.end() :] if scheme else value
    kept = (("Scheme", scheme[1].lower()),) if scheme else ()
    host = rest.rstrip("/")
    return Normal(rest, "URL", kept) if re.search(r"[/?#:]", host) else Normal(host, _host_type(host), kept)


def _tidy(value: str, type: str) -> str:
    value = value.strip().strip("\"'").strip()
    if type in {"URL", "FQDN", "IP Address", "IPv6 Address", "Email Address"}:
        for fanged, plain in _REFANG:
            value = value.replace(fanged, plain)
        value = value.replace(" ", "")
    return value


def _host_type(host: str) -> str:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return "FQDN"
    return "IP Address"
