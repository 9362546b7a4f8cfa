"""How many connections the HTTP entry point keeps, and which of them makes room for another one."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from producers.http.auth import network_of
from producers.http.incidents import Incidents
from producers.http.proxies import TrustedProxies
from workers.settings.model import Settings
from workers.telemetry import metrics

if sys.platform != "win32":
    import resource

log = structlog.get_logger("tq.http")

#: Under which name a request's scope holds its connection.
CONNECTION = "tq.connection"

#: Files that the process needs besides its connections: those to Redis, the log, the listening socket.
SPARE_FILES = 256


class Closable(Protocol):
    """A connection that can be closed at once, whatever it has still to say."""

    def abort(self) -> None:
        """Close it without waiting for its peer."""


class Connections:
    """Every open connection. One that has shown a good token is kept; above a bound, the oldest other one is closed."""

    def __init__(self, settings: Settings, registry: CollectorRegistry, *, most: int | None = None) -> None:
        self.most = settings.http_max_connections if most is None else most
        self.most_an_address = settings.http_max_connections_per_address
        self.proxies = TrustedProxies(settings.http_trusted_proxies)
        self.closings = Incidents(metrics.counter(registry, metrics.HTTP_CLOSED), "closed connections")
        self._open: dict[Closable, str] = {}
        self._unknown: OrderedDict[Closable, None] = OrderedDict()
        self._of_address: defaultdict[str, OrderedDict[Closable, None]] = defaultdict(OrderedDict)
        self._count = metrics.gauge(registry, metrics.HTTP_CONNECTIONS)

    def enter(self, connection: Closable, host: str) -> None:
        """Take a new connection in; closes the oldest one without a token where it is one too many.

        Where each of them has shown a token, the new one itself is closed.
        """
        address = network_of(host)
        self._open[connection] = address
        self._count.set(len(self._open))
        self._unknown[connection] = None
        same = self._of_address[address]
        same[connection] = None
        if len(same) > self.most_an_address and host not in self.proxies:
            self._close(next(iter(same)), "too_many_of_address")
        elif len(self._open) > self.most:
            self._close(next(iter(self._unknown)), "too_many")

    def prove(self, connection: Closable) -> None:
        """Keep a connection from now on: it has shown a good token."""
        if connection in self._unknown:
            self._forget_unknown(connection, self._open[connection])

    def leave(self, connection: Closable) -> None:
        """Forget a connection that is closed."""
        address = self._open.pop(connection, None)
        self._count.set(len(self._open))
        if address is not None and connection in self._unknown:
            self._forget_unknown(connection, address)

    def _close(self, connection: Closable, reason: str) -> None:
        address = self._open[connection]
        self.leave(connection)
        self.closings.count(reason, address)
        connection.abort()

    def _forget_unknown(self, connection: Closable, address: str) -> None:
        del self._unknown[connection]
        same = self._of_address[address]
        del same[connection]
        if not same:
            del self._of_address[address]


def room_for_connections(wanted: int) -> int:
    """Return how many connections this process may have open, `wanted` at most.

    Raises its own limit of open files as far as that is allowed; warns where it is too low.
    """
    if sys.platform == "win32":
        # It has no such limit.
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            room = max(1, soft - SPARE_FILES)
            log.warning(
                "fewer connections than http_max_connections: raise the limit of open files (LimitNOFILE, ulimit -n)",
                connections=room,
                limit=soft,
                needed=needed,
            )
            return room
    return wanted
