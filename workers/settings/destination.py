"""Where LogRhythm's token may go: an address that ThreatQ's page names is not the operator's word.

A token from local settings goes to the local address and to allowed hosts alone. One that stands on the page goes where
the page says, unless the operator named the allowed hosts, or the address is one that no LogRhythm has.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from workers.core.errors import ConfigError
from workers.core.urls import service_url
from workers.settings.model import Settings, env_name

FIELD = "logrhythm_hosts"


def check_destination(settings: Settings, url: str, origin: str, *, token_is_local: bool) -> None:
    """Raise ConfigError where LogRhythm's token may not go to `url`, which `origin` names."""
    place = urlsplit(url).netloc
    if settings.logrhythm_url and place == urlsplit(settings.logrhythm_url).netloc:
        return
    if settings.logrhythm_hosts.strip():
        if not _is_allowed(url, settings.logrhythm_hosts):
            raise ConfigError(
                f"{origin} names {place}, which is not allowed ({settings.logrhythm_hosts}); correct the page, or "
                f"add the host to {env_name(FIELD)}",
                field=FIELD,
            )
    elif token_is_local:
        raise ConfigError(
            f"{origin} names {place}, and the JW token is from local settings, which goes to no host that a page "
            f"names; set {env_name(FIELD)}={urlsplit(url).hostname} if that is your LogRhythm, or put the token on the "
            "page",
            field=FIELD,
        )
    elif _is_no_server(urlsplit(url).hostname or ""):
        raise ConfigError(
            f"{origin} names {place}, an address that is no LogRhythm's (cloud metadata is read there); correct the "
            f"page, or add the host to {env_name(FIELD)}",
            field=FIELD,
        )


def _is_allowed(url: str, hosts: str) -> bool:
    """Tell whether the host of `url` is in the list; an entry without a port allows every port."""
    parts = urlsplit(url)
    entries = [urlsplit(service_url(entry, setting=FIELD)) for entry in hosts.split(",") if entry.strip()]
    return any(
        entry.hostname == parts.hostname and (entry.port is None or entry.port == parts.port)
        for entry in entries
    )


def _is_no_server(host: str) -> bool:
    """Tell whether `host` is a link-local, unspecified or multicast address, in each spelling that a resolver takes."""
    address = _address(host)
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_link_local or address.is_unspecified or address.is_multicast


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        # 2852039166, 0xa9fea9fe and 169.254.43518 are addresses to a resolver.
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None
