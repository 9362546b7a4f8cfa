"""The Redis of a run of tests that is reached over TLS of the server's own, where REDIS_TLS asks for it.

The bundled server is built without TLS, so the matrix (`.ci/redis-matrix`) names another one.
"""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.launch.redis_server import RedisServer, free_port
from sandbox.launch.tls import self_signed

#: Asks for TLS, with any value.
VARIABLE = "REDIS_TLS"


class TlsRedis(RedisServer):
    """A server with a `tls-port`; `port` speaks plainly, for tests that look beside the URL."""

    def __init__(self, folder: Path, *, port: int = 0, options: tuple[str, ...] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        files = self_signed(folder)
        self.authority = files["ssl_certfile"]
        self.tls_port = free_port()
        tls = {
            "--tls-port": str(self.tls_port),
            "--tls-cert-file": files["ssl_certfile"],
            "--tls-key-file": files["ssl_keyfile"],
            "--tls-ca-cert-file": files["ssl_certfile"],
            "--tls-auth-clients": "no",
        }
        words = tuple(word for pair in tls.items() for word in pair)
        super().__init__(folder, port=port, options=(*options, *words))

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"rediss://127.0.0.1:{self.tls_port}/0?ssl_ca_certs={self.authority}"


def redis_of_this_run(folder: Path) -> RedisServer:
    """Return a server as the run asks for it, not yet started."""
    return TlsRedis(folder) if os.environ.get(VARIABLE) else RedisServer(folder)
