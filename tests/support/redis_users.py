"""A Redis with the users of `deploy/redis/users.acl.template`, made as the guide for production says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from sandbox.launch.tls import tls_front
from tests.support.redis_over_tls import TlsRedis, redis_of_this_run
from workers.ledger.connection import connect
from workers.ledger.functions import look_after_functions
from workers.settings.model import Secret, Settings

ROOT = Path(__file__).resolve().parents[2]


class Guarded(Struct, frozen=True):
    """A running server and the folder of its secrets."""

    server: RedisServer
    secrets: Path

    def url(self, user: str) -> str:
        """Return the URL with which `user` signs in."""
        return (self.secrets / f"redis-{user}").read_text()

    @property
    def functions_secret(self) -> str:
        """What the workers give to the function."""
        return (self.secrets / "functions-secret").read_text()

    def all_rights(self) -> Redis:
        """Return a client that may do everything, which no user of the file may."""
        return Redis.from_url(f"redis://tester:{self.functions_secret}@127.0.0.1:{self.server.port}")

    def load_functions(self) -> None:
        """Do what upkeep does within its first second."""
        with connect(self.url("worker")) as redis:
            look_after_functions(redis, Settings(functions_secret=Secret(self.functions_secret)))


@contextmanager
def guarded_redis(folder: Path, *, tls: bool = False) -> Iterator[Guarded]:
    """Make the secrets and run a server that knows the users; `tls`: by itself, or behind a front."""
    made = folder / "secrets"
    with ExitStack() as stack:
        server = redis_of_this_run(folder / "redis") if tls else RedisServer(folder / "redis")
        if isinstance(server, TlsRedis):
            make_secrets(made, "--redis", f"127.0.0.1:{server.tls_port}", "--ca", server.authority)
        elif tls:
            front, ca = stack.enter_context(tls_front(folder, server.port))
            make_secrets(made, "--redis", f"127.0.0.1:{front}", "--ca", ca)
        else:
            make_secrets(made, "--redis", f"127.0.0.1:{server.port}")
        acl = folder / "users.acl"
        tester = f"user tester on >{(made / 'functions-secret').read_text()} ~* &* +@all\n"
        acl.write_text((made / "users.acl").read_text() + tester)
        server.options += ("--aclfile", str(acl))
        server.start()
        stack.callback(server.stop)
        yield Guarded(server, made)


def make_secrets(*words: str | Path) -> None:
    """Run the script that the guide for production names."""
    command = (sys.executable, ROOT / "deploy/make_secrets.py", *words)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
