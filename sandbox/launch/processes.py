"""The processes of one system: started in order, stopped in reverse, none left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from workers.core.errors import TqError

#: Seconds that a process gets to finish what it holds before it is killed.
STOP_WITHIN_S = 40.0

#: The folder that `celery -A workers.app` is run from.
ROOT = Path(__file__).resolve().parents[2]


class Processes:
    """Child processes with their logs in `folder`, of the code in `root`; leaving the block stops them all."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, root: Path = ROOT) -> None:
        self.folder = folder
        self.root = root
        self.environ = {**os.environ, **environ}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a command as `name`, in a process group of its own, its output in `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            # Its own session: Ctrl-C reaches us alone, and we stop the others in order.
            process = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
                cwd=self.root,
                start_new_session=True,
            )
        self.running[name] = process
        return process

    def restart(self, name: str) -> subprocess.Popen[bytes]:
        """Start the command of `name` again, after it has ended."""
        arguments = self.running.pop(name).args
        return self.start(name, *map(str, cast("list[str]", arguments)))

    def worker(self, name: str, *queues: str, threads: int = 8) -> subprocess.Popen[bytes]:
        """Start a Celery worker for `queues`."""
        return self.start(
            name,
            *(sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-P", "threads"),
            *("-c", str(threads), "-Q", ",".join(queues), "-n", f"{name}@%h", "--loglevel", "INFO"),
            *("--without-gossip", "--without-mingle"),
        )

    def beat(self, name: str = "beat") -> subprocess.Popen[bytes]:
        """Start Celery beat."""
        return self.start(
            name, sys.executable, "-m", "celery", "-A", "workers.app", "beat", "--loglevel", "INFO"
        )

    def wait_until(self, ready: Callable[[], bool], what: str, *, within_s: float = 60.0) -> None:
        """Return once `ready` says so; raises TqError when a process ends or the time is over."""
        deadline = time.monotonic() + within_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise TqError(f"{what} was not ready within {within_s:.0f} s; see {self.folder}")
            time.sleep(0.02)

    def check(self) -> None:
        """Raise TqError when a process has ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise TqError(f"{name} ended with code {process.returncode}; see {self.folder / name}.log")

    def kill(self, name: str) -> None:
        """Kill a process and its whole group hard."""
        process = self.running.pop(name)
        _signal_group(process, signal.SIGKILL)
        process.wait(timeout=10)

    def signal(self, name: str, how: signal.Signals) -> None:
        """Send a signal to a process and its whole group: SIGSTOP lets it stand still, SIGCONT go on."""
        _signal_group(self.running[name], how)

    def stop(self, name: str) -> int:
        """Ask a process to stop, wait, and kill what does not; return its exit code."""
        process = self.running.pop(name)
        _signal_group(process, signal.SIGTERM)
        return _end(process)

    def stop_all(self) -> None:
        """Stop every process, the last started first asked."""
        processes = [self.running.pop(name) for name in reversed(list(self.running))]
        for process in processes:
            _signal_group(process, signal.SIGTERM)
        for process in processes:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(timeout=STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        return process.wait(timeout=10)


def _signal_group(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    # A process that has just ended has no group any more.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, how)
