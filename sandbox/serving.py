"""Serves the simulators of one process, each on its own port, and lets them close a connection for real."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

#: Open connections by (our address, the client's address).
_CONNECTIONS: dict[tuple[Any, Any], asyncio.Transport] = {}

#: Seconds that requests in hand get when the servers stop.
STOP_WITHIN_S = 2

#: Connections that wait to be accepted; a load test opens many at once.
BACKLOG = 2048


class _Tracking(asyncio.Protocol):
    """Remembers its connection, so that a fault can close it."""

    _key: tuple[Any, Any] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._key = (_port(transport.get_extra_info("sockname")), transport.get_extra_info("peername"))
        # uvloop's transports are Transports in all but ancestry.
        _CONNECTIONS[self._key] = cast(asyncio.Transport, transport)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._key is not None:
            _CONNECTIONS.pop(self._key, None)
        super().connection_lost(exc)


# uvicorn picks its parser at import, so the class can only be put together here.
_Protocol: type[asyncio.Protocol] = type("_Protocol", (_Tracking, AutoHTTPProtocol), {})


async def hang_up(scope: Scope) -> None:
    """Close the TCP connection of a request that has not been answered."""
    key = (_port(scope["server"]), tuple(scope["client"]))
    if key in _CONNECTIONS:
        _CONNECTIONS[key].abort()
    # uvicorn must hear of it before the application returns, or it would answer 500.
    while key in _CONNECTIONS:
        await asyncio.sleep(0)


class _Server(uvicorn.Server):
    """A server that leaves signals to the process, which may hold several servers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Site:
    """One simulator on one port; the port is taken at once, port 0 is any free one."""

    def __init__(self, name: str, app: ASGIApp, host: str = "127.0.0.1", port: int = 0, **tls: Any) -> None:
        self.name = name
        # Named as TCP so that the loop switches Nagle's algorithm off; else each answer takes 40 ms.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind((host, port))
        except (OSError, OverflowError) as error:
            self.socket.close()
            why = getattr(error, "strerror", "a port is at most 65535")
            raise OSError(errno.EADDRNOTAVAIL, f"{name} cannot listen on {host}:{port}: {why}") from error
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{host}:{self.socket.getsockname()[1]}"
        self.server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=STOP_WITHIN_S,
                **tls,
            )
        )

    async def serve(self) -> None:
        """Serve until stopped."""
        await self.server.serve(sockets=[self.socket])

    def stop(self) -> None:
        """Ask the server to stop."""
        self.server.should_exit = True


def serve(*sites: Site, ready: Callable[[], None] = lambda: None) -> None:
    """Serve every site until a signal comes, on the fastest loop that this machine has.

    `ready` is called once the sites accept and a signal would stop them in order.
    """
    for site in sites:
        site.socket.listen(BACKLOG)
    with asyncio.Runner(loop_factory=sites[0].server.config.get_loop_factory()) as runner:
        runner.run(_serve(sites, ready))


async def _serve(sites: tuple[Site, ...], ready: Callable[[], None]) -> None:
    _stop_on_signal(sites)
    ready()
    tasks = [asyncio.create_task(site.serve()) for site in sites]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    _stop(sites)
    await asyncio.gather(*tasks)


def _stop(sites: tuple[Site, ...]) -> None:
    for site in sites:
        site.stop()


def _stop_on_signal(sites: tuple[Site, ...]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such handlers; there Ctrl-C interrupts the runner.
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, _stop, sites)


@contextmanager
def running(*sites: Site) -> Iterator[None]:
    """Serve sites in a thread for as long as the block lasts; their sockets accept from the start."""
    for site in sites:
        site.socket.listen(BACKLOG)
    thread = threading.Thread(target=serve, args=sites, name="sandbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        _stop(sites)
        thread.join(timeout=STOP_WITHIN_S + 5)


def _port(address: Any) -> Any:
    return address[1] if address else None
