"""A TLS front before a server that speaks none: the Redis in the wheel is built without it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.certificate import self_signed

#: Bytes that are passed on at once.
CHUNK = 65_536


@contextmanager
def tls_front(folder: Path, port: int) -> Iterator[tuple[int, str]]:
    """Listen on a free port, pass what arrives on to the loopback `port`; yields the port and the CA file."""
    files = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        threading.Thread(target=_serve, args=(server, context, port), daemon=True).start()
        try:
            yield server.getsockname()[1], files["ssl_certfile"]
        finally:
            # Closing alone would leave the thread in accept().
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            threading.Thread(target=_front, args=(client, context, port), daemon=True).start()


def _front(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with contextlib.suppress(OSError), client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with (
            context.wrap_socket(client, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", port)) as backend,
        ):
            answers = threading.Thread(target=_pass_on, args=(backend, secured), daemon=True)
            answers.start()
            _pass_on(secured, backend)
            answers.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
