"""Proxies whose word on a sender's address is taken (TQ_HTTP_TRUSTED_PROXIES)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from workers.core.errors import ConfigError

_FIELD = "http_trusted_proxies (TQ_HTTP_TRUSTED_PROXIES)"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """Addresses and networks of a setting, by commas; raises ConfigError for anything else."""

    def __init__(self, setting: str) -> None:
        named = [_read(part.strip()) for part in setting.split(",") if part.strip()]
        self.networks = [form for network in named for form in (network, *_mapped(network))]
        self._holds = lru_cache(maxsize=4_096)(self._look_up)

    def __contains__(self, host: str) -> bool:
        return bool(self.networks) and self._holds(host)

    def __bool__(self) -> bool:
        return bool(self.networks)

    def names(self) -> list[str]:
        """Return them in the spelling that uvicorn reads."""
        return [str(network) for network in self.networks]

    def _look_up(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def _read(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no address and no network ({error}); write 10.0.0.5 or 10.0.0.0/24, commas between",
            field=_FIELD,
        ) from error


def _mapped(network: Network) -> list[Network]:
    """Return how an IPv4 network's addresses come in on a socket that listens for IPv6 as well."""
    if network.version == 6:
        return []
    return [ipaddress.ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")]
