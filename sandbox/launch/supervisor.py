"""Starts again what ends, at once and in words, and tells the page of the simulated system what runs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from workers.core.errors import TqError
from workers.core.files import write_whole
from workers.core.text import counted

#: Restarts of one process within so many seconds, above which it is not started again: something is wrong with it.
MOST_RESTARTS, WITHIN_S = 5, 60.0

#: Seconds between two looks.
LOOK_EVERY_S = 0.2

#: Under which name Redis is shown.
REDIS = "redis"


class Supervised(Struct, frozen=True):
    """A process: its number, since when it runs (Unix time), and how often it was started again."""

    pid: int
    since: float
    restarts: int = 0


class SystemState(Struct, frozen=True):
    """The processes by name, and what a person may try, a command each."""

    processes: dict[str, Supervised] = {}
    commands: tuple[str, ...] = ()


class Supervisor:
    """Looks after the processes of a system and its Redis (None: another one, which is not ours to start).

    `say` prints a line; `file` is for the page (sandbox/system_page.py), with `commands` to try.
    """

    def __init__(
        self,
        processes: Processes,
        redis: RedisServer | None,
        *,
        file: Path,
        say: Callable[[str], object],
        commands: tuple[str, ...] = (),
    ) -> None:
        self._processes, self._redis, self._file, self._say = processes, redis, file, say
        self._commands = commands
        self._restarts: dict[str, deque[float]] = {}
        self._counts: dict[str, int] = {}
        self._since: dict[int, float] = {}
        self._written = SystemState()
        self._write()

    def run(self) -> None:
        """Look for ever."""
        while True:
            self.look()
            time.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Start again what has ended; raises TqError for what keeps ending."""
        # Redis first: the others wait for it.
        if self._redis and self._redis.process and (code := self._redis.process.poll()) is not None:
            self._note(REDIS, code, self._redis.folder / "redis.log")
            self._redis.start()
            self._say(f"{REDIS} is there again, with all that it had accepted.")
        for name, process in list(self._processes.running.items()):
            if (code := process.poll()) is not None:
                self._note(name, code, self._processes.folder / f"{name}.log")
                started = self._processes.restart(name)
                self._say(f"{name} runs again as process {started.pid}.")
        self._write()

    def _note(self, name: str, code: int, log: Path) -> None:
        """Say that a process has ended, and count it."""
        how = f"was killed (signal {-code})" if code < 0 else f"ended with code {code}"
        self._say(f"{name} {how}; starting it again ...")
        recent = self._restarts.setdefault(name, deque(maxlen=MOST_RESTARTS))
        if len(recent) == MOST_RESTARTS and time.monotonic() - recent[0] < WITHIN_S:
            raise TqError(f"{name} ended {counted(MOST_RESTARTS + 1, 'time')} within a minute; see {log}")
        recent.append(time.monotonic())
        self._counts[name] = self._counts.get(name, 0) + 1

    def _write(self) -> None:
        running = {name: process.pid for name, process in self._processes.running.items()}
        if self._redis and self._redis.process:
            running = {REDIS: self._redis.process.pid, **running}
        self._since = {pid: self._since.get(pid, time.time()) for pid in running.values()}
        shown = {
            name: Supervised(pid, self._since[pid], self._counts.get(name, 0))
            for name, pid in running.items()
        }
        state = SystemState(shown, self._commands)
        if state != self._written:
            self._written = state
            write_whole(str(self._file), msgspec.json.encode(state), is_lasting=False)
