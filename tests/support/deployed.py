"""A deployment whose parts each sign in to Redis as their own user, started as docker-compose.yml says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import free_port
from sandbox.launch.system import READY, Rehearsal, enable_connector, start_threatq, write_settings
from tests.conftest import FIXTURES
from tests.support.deployment import our_services
from tests.support.redis_users import Guarded
from tests.support.waiting import until
from workers.ledger.connection import connect
from workers.ledger.functions import is_loaded
from workers.settings.model import Settings

#: A token of the HTTP entry point that may do everything.
TOKEN = "token-of-the-deployment"


class Deployment:
    """The parts of a system, each signed in as its own user, with their logs and files in `folder`."""

    def __init__(self, guarded: Guarded, folder: Path, stack: ExitStack) -> None:
        self.guarded, self.folder, self.stack = guarded, folder, stack
        self.config = folder / "config"
        self.flower_port = free_port()

    def environ(self, user: str) -> dict[str, str]:
        """Return what a part needs in its environment to be `user`."""
        return {
            "TQ_CONFIG": str(self.config),
            "TQ_REDIS_URL": self.guarded.url(user),
            "TQ_SYNC_INTERVAL_S": "0",
            # The workers alone need it.
            **({"TQ_FUNCTIONS_SECRET": self.guarded.functions_secret} if user == "worker" else {}),
            "TQ_HTTP_TOKENS": f"you:events+actions+read+operate:{TOKEN}",
        }

    def run_as(self, user: str) -> Processes:
        """Return where processes of `user` are started."""
        return self.stack.enter_context(Processes(self.folder / "logs" / user, self.environ(user)))

    def start(self) -> None:
        """Start the simulated services, the worker, beat, Flower and both producers."""
        worker, shim, bridge = self.run_as("worker"), self.run_as("shim"), self.run_as("bridge")
        settings = start_threatq(worker, self.folder, Settings(), 0)
        write_settings(self.config, settings)
        enable_connector(settings)
        self.rehearsal = Rehearsal(settings, self.folder / READY)
        self.rehearsal.prepare()
        worker.worker("worker", "events", "enrichment", "sync", "upkeep")
        self.run_as("beat").beat()
        self.run_as("flower").start("flower", "sh", "-c", self.flower_command())
        shim.start("shim", command("tq-http-shim"), "--port", "0", "--ready-file", self.folder / "shim.json")
        shim.wait_until((self.folder / "shim.json").exists, "the HTTP entry point")
        bridge.start("bridge", command("tq-redis-bridge"))
        with connect(self.guarded.url("worker")) as redis:
            until(lambda: is_loaded(redis), within_s=90)

    def flower_command(self) -> str:
        """Return what docker-compose.yml runs as Flower, on a free port and with our secrets."""
        text = str(our_services()["flower"]["command"][2]).replace("$$", "$")
        text = text.replace("/run/secrets", str(self.guarded.secrets))
        text = text.replace("exec celery", f"exec {sys.executable} -m celery")
        return text.replace("0.0.0.0", "127.0.0.1").replace("5555", str(self.flower_port))

    @property
    def producer(self) -> str:
        """The address of the HTTP entry point."""
        return str(json.loads((self.folder / "shim.json").read_text())["url"])

    def call(self, user: str, *words: str | Path, given: bytes = b"") -> bytes:
        """Run a command as `user`, which must succeed, and return what it printed."""
        ended = self.run(user, *words, given=given)
        assert ended.returncode == 0, (words, ended.stdout, ended.stderr)
        return ended.stdout

    def run(self, user: str, *words: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command as `user`."""
        environ = {**os.environ, **self.environ(user)}
        return subprocess.run(
            words, input=given, capture_output=True, env=environ, cwd=self.folder, check=False, timeout=90
        )

    def refusals(self) -> list[str]:
        """Return what the server refused, from its own log."""
        with Redis.from_url(self.guarded.url("operator")) as redis:
            return [f"{entry}" for entry in redis.acl_log()]


#: Celery, as it is started everywhere.
CELERY = (sys.executable, "-m", "celery", "-A", "workers.app")


def command(name: str) -> Path:
    """Return where a command of ours is."""
    return Path(sys.executable).with_name(name)


def payload(name: str) -> bytes:
    """Return the guide's payload under another name."""
    example = json.loads((FIXTURES / "payload-example.json").read_text())
    return json.dumps({**example, "event_name": name}).encode()
