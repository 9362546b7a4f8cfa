"""A Redis with the users of `deploy/redis/users.acl.template`, made as the guide for production says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from sandbox.redis_server import RedisServer, free_port

ROOT = Path(__file__).resolve().parents[1]


class Guarded(Struct, frozen=True):
    """A running server and the folder of its secrets."""

    server: RedisServer
    secrets: Path

    def url(self, user: str) -> str:
        """Return the URL with which `user` signs in."""
        return (self.secrets / f"redis-{user}").read_text()


@contextmanager
def guarded_redis(folder: Path) -> Iterator[Guarded]:
    """Make the secrets and run a server that knows the users."""
    port, made = free_port(), folder / "secrets"
    command = (sys.executable, ROOT / "deploy/make_secrets.py", made, "--redis", f"127.0.0.1:{port}")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    options = ("--aclfile", str(made / "users.acl"))
    server = RedisServer(folder / "redis", port=port, options=options).start()
    try:
        yield Guarded(server, made)
    finally:
        server.stop()
