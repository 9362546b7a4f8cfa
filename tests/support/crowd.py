"""Many sockets at once that send what they send and then wait: what an attacker costs nothing."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def files_allowed(soft: int) -> Iterator[None]:
    """Let this process, and what it starts meanwhile, have so many open files; only the soft limit changes."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


@contextmanager
def crowd(
    port: int, count: int, sends: bytes = b"", *, address: str = "127.0.0.1"
) -> Iterator[list[socket.socket]]:
    """Yield `count` connections from `address` that have sent `sends`."""
    with files_allowed(count + 1_024), ExitStack() as stack:
        links = []
        for _ in range(count):
            link = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30, (address, 0)))
            link.sendall(sends)
            links.append(link)
        yield links


def is_closed(link: socket.socket) -> bool:
    """Tell whether the other side has closed a connection, at once or by and by within 30 s."""
    try:
        while link.recv(65_536):
            pass
    except ConnectionResetError:
        return True
    return True
