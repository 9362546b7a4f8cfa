"""TLS handshakes: counted like connections from the moment they are accepted, and given up after seconds.

The event loop's own TLS server makes a connection known only once its handshake has ended.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from producers.http.connections import Connections
from producers.http.server import HttpConnection

log = structlog.get_logger("tq.http")

#: Seconds in which a client must have finished its TLS handshake.
HANDSHAKE_WITHIN_S = 5.0

#: Seconds until connections are accepted again where the system has no room for one.
ACCEPT_AGAIN_S = 1.0


class Handshakes:
    """Accepts connections of a listening socket and hands each one over once its TLS handshake has ended."""

    def __init__(
        self,
        listening: socket.socket,
        tls: ssl.SSLContext,
        connections: Connections,
        new: Callable[[], HttpConnection],
    ) -> None:
        self._listening, self._tls, self._connections, self._new = listening, tls, connections, new
        listening.setblocking(False)
        self._running: set[asyncio.Task[Any]] = set()
        self._run(self._accept())

    async def close(self) -> None:
        """Accept no more, and give up the handshakes under way."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                link, peer = await loop.sock_accept(self._listening)
            except OSError as error:
                log.warning(
                    "cannot accept a connection; is the limit of open files too low?", error=str(error)
                )
                await asyncio.sleep(ACCEPT_AGAIN_S)
            else:
                self._run(self._shake_hands(link, str(peer[0])))

    async def _shake_hands(self, link: socket.socket, host: str) -> None:
        connection = self._new()
        connection.begin_handshake(asyncio.current_task(), host)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, link, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_WITHIN_S
            )
        except ConnectionAbortedError:
            self._connections.closings.count("slow_handshake", host)
        except OSError as error:
            log.debug("a TLS handshake failed", address=host, error=str(error))
        finally:
            if not connection.established:
                self._connections.leave(connection)
