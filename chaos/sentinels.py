"""A replicated Redis with three sentinels, as real processes: to try a fail-over before one is needed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from redis import Redis, RedisError

from sandbox.launch.redis_server import RedisServer, answers, free_port, server_binary
from workers.core.errors import ServiceAway

#: The name under which the sentinels watch the primary.
MASTER = "tq"

#: Servers, one of them the primary; and sentinels, of which two must agree.
SERVERS, SENTINELS, QUORUM = 3, 3, 2

#: Else a replica that asks for everything waits 5 s for others that might want it too.
AT_ONCE = ("--repl-diskless-sync-delay", "0")

#: ms after which a primary that does not answer is taken to be down, and within which a fail-over must end.
DOWN_AFTER_MS, FAILOVER_MS = 1_000, 5_000


class Sentinels:
    """Starts and stops like one RedisServer; `kill` kills whichever server is the primary now."""

    def __init__(self, folder: Path, *, appendfsync: str = "everysec") -> None:
        self.folder = folder
        first = RedisServer(folder / "redis-0", appendfsync=appendfsync, options=AT_ONCE)
        others = [
            RedisServer(
                folder / f"redis-{number}",
                appendfsync=appendfsync,
                options=(*AT_ONCE, "--replicaof", "127.0.0.1", str(first.port)),
            )
            for number in range(1, SERVERS)
        ]
        self.servers = [first, *others]
        self.ports = [free_port() for _ in range(SENTINELS)]
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """The URL of database 0 of whichever server is the primary."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"sentinel://{hosts}/0?master={MASTER}"

    def start(self) -> Sentinels:
        """Start everything; return once every sentinel knows the others and every replica follows."""
        for server in self.servers:
            server.start()
        self._until(lambda: self._followers(self.servers[0].port) == SERVERS - 1)
        for number, port in enumerate(self.ports):
            self.processes.append(self._start_sentinel(number, port))
        self._until(lambda: all(map(self._is_ready, self.ports)))
        return self

    def primary(self) -> RedisServer:
        """Return the server that the sentinels take for the primary."""
        with Redis(port=self.ports[0], socket_timeout=5) as sentinel:
            _, port = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return next(server for server in self.servers if server.port == int(port))

    def kill(self) -> RedisServer:
        """Kill the primary hard and return it."""
        server = self.primary()
        server.kill()
        return server

    def bring_back(self, server: RedisServer) -> None:
        """Start a server that was killed, as a replica: so its rewritten configuration file would have it."""
        server.options = (*AT_ONCE, "--replicaof", "127.0.0.1", str(self.primary().port))
        server.start()

    def cut_off(self) -> None:
        """Let no replica follow the primary any more."""
        for replica in self._replicas():
            # It is not let in again, as no server knows such a user.
            replica.config_set("masteruser", "stranger")
            replica.config_set("masterauth", "stranger")
            replica.client_kill_filter(_type="master")
            replica.close()

    def join(self) -> None:
        """Let those that were cut off follow the primary of now."""
        for replica in self._replicas():
            replica.config_set("masteruser", "")
            replica.config_set("masterauth", "")
            replica.close()

    def in_step(self) -> bool:
        """Whether every other server follows the primary: only then can the next loss be survived."""
        return self._followers(self.primary().port) == SERVERS - 1

    def stop(self) -> None:
        """Stop everything."""
        for process in self.processes:
            process.terminate()
            process.wait(timeout=10)
        for server in self.servers:
            server.stop()

    def _replicas(self) -> Iterator[Redis]:
        primary = self.primary()
        for server in self.servers:
            if server is not primary and server.process is not None:
                yield Redis(port=server.port, socket_timeout=5)

    def _start_sentinel(self, number: int, port: int) -> subprocess.Popen[bytes]:
        folder = self.folder / f"sentinel-{number}"
        folder.mkdir(parents=True)
        # A sentinel writes what it learns into its own configuration.
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {self.servers[0].port} {QUORUM}\n"
            f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {MASTER} {FAILOVER_MS}\n"
        )
        with (folder / "sentinel.log").open("ab") as log:
            process = subprocess.Popen(
                [server_binary(), str(config), "--sentinel"], stdout=log, stderr=log, start_new_session=True
            )
        self._until(lambda: answers(port))
        return process

    def _is_ready(self, port: int) -> bool:
        with Redis(port=port, socket_timeout=5) as sentinel:
            state = sentinel.sentinel_master(MASTER)
        known = (state["num-slaves"], state["num-other-sentinels"])
        return known == (SERVERS - 1, SENTINELS - 1)

    def _followers(self, port: int) -> int:
        with Redis(port=port, socket_timeout=5) as client:
            told = client.info("replication")
        followers = [told[f"slave{number}"] for number in range(told["connected_slaves"])]
        return sum(follower["state"] == "online" for follower in followers)

    def _until(self, condition: Callable[[], object], *, within_s: float = 20) -> None:
        deadline = time.monotonic() + within_s
        while not _pending(condition):
            if time.monotonic() > deadline:
                raise ServiceAway("redis", f"the replicated Redis did not start; see {self.folder}")
            time.sleep(0.05)


def _pending(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except (RedisError, OSError):
        return False
