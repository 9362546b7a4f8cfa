"""How many files of ours a job runs through: `python -m tools.path_length [--json] [FOLDER]`.

One payload goes from HTTP to an event in the simulated ThreatQ, and one alarm from tq-sighting to a sighting, with a
real Redis and a real worker. The commands are those of FOLDER and its .venv, so that any commit can be measured.
Counted are functions that are called, in the thread that does the work; the median of several rounds, after one that
fills what is made once.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from msgspec import Struct

from sandbox.launch.redis_server import RedisServer
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD

ROOT = Path(__file__).resolve().parents[1]
TRACED = Path(__file__).with_name("traced.py")
EXAMPLE = ROOT / "sandbox" / "launch" / "payload-example.json"

#: Rounds that count.
ROUNDS = 5

#: Seconds without a call after which a worker has done what it was woken for, and seconds that anything may take.
QUIET_S, WITHIN_S = 0.5, 60.0

#: What the sender of the payloads shows; tokens that could be guessed are refused.
SENDER = secrets.token_urlsafe(32)


class PathTaken(Struct, frozen=True):
    """The path of one job through one process: files in the order in which their functions were called."""

    files: list[str]

    @property
    def changes(self) -> int:
        """How often a function was called that lies in another file than the one called before it."""
        return sum(here != there for here, there in zip(self.files, self.files[1:], strict=False))


class TracedSystem:
    """The processes of one measurement, with their logs in `folder`; `root` is the checkout that they run."""

    def __init__(self, root: Path, folder: Path, stack: ExitStack) -> None:
        self.root, self.folder, self.stack = root, folder, stack
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith("TQ_")}

    def command(self, name: str, *arguments: str, log: str = "") -> list[str]:
        """Return the command line of a command of the checkout, traced where a `log` is named."""
        program = [str(self.root / ".venv" / "bin" / name), *arguments]
        python = str(self.root / ".venv" / "bin" / "python")
        return [python, str(TRACED), str(self.trace(log)), *program] if log else program

    def trace(self, log: str) -> Path:
        """Return the file in which a process writes down its calls."""
        return self.folder / f"{log}.calls"

    def start(self, name: str, *arguments: str, log: str = "") -> None:
        """Start a command that is stopped at the end."""
        with (self.folder / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                self.command(name, *arguments, log=log),
                cwd=self.root,
                env=self.environ,
                stdout=output,
                stderr=output,
            )
        self.stack.callback(process.wait, WITHIN_S)
        self.stack.callback(process.terminate)

    def address(self, name: str, *arguments: str, log: str = "") -> Any:
        """Start a command that writes a ready file; return what stands in that."""
        ready = self.folder / f"{name}.json"
        self.start(name, *arguments, "--ready-file", str(ready), log=log)
        until(ready.exists)
        return json.loads(ready.read_text())

    def path_taken(self, log: str, since: float, till: float = float("inf")) -> PathTaken:
        """Return the calls of a process between two times, of the thread that made most of them."""
        lines = [line.split() for line in self.trace(log).read_text().splitlines()]
        inside = [(thread, file) for at, thread, file in lines if since <= float(at) <= till]
        ((busiest, _),) = Counter(thread for thread, _ in inside).most_common(1)
        return PathTaken([file for thread, file in inside if thread == busiest])

    def wait_for_quiet(self) -> None:
        """Return when the worker has called nothing for a while."""
        until(lambda: time.time() - self.trace("worker").stat().st_mtime > QUIET_S)


def main() -> None:
    """Print the figures of a checkout, of this one where none is named."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.path_length", description="Files that a job runs through."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=ROOT, help="a checkout with its .venv (default: this)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args()
    with traced_system(options.folder.resolve()) as system:
        rounds = [round_of(system, number) for number in range(ROUNDS + 1)][1:]
    measured = {what: statistics.median(each[what] for each in rounds) for what in rounds[0]}
    if options.json:
        print(json.dumps(measured))
    else:
        print("\n".join(f"{what}: {figure:g}" for what, figure in measured.items()))


@contextmanager
def traced_system(root: Path) -> Iterator[TracedSystem]:
    """Yield Redis, the simulated services, a worker and the HTTP entry point."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tq-path-")))
        server = RedisServer(folder / "redis").start()
        stack.callback(server.stop)
        system = TracedSystem(root, folder, stack)
        services = system.address("tq-sandbox", "--threatq-port", "0")
        system.environ |= {
            "TQ_CONFIG": str(folder),
            "TQ_REDIS_URL": server.url,
            "TQ_THREATQ_URL": services["threatq"],
            "TQ_THREATQ_CLIENT_ID": CLIENT_ID,
            "TQ_THREATQ_EMAIL": EMAIL,
            "TQ_THREATQ_PASSWORD": PASSWORD,
            "TQ_SETTINGS_FROM": "local",
            # Else each event is looked for first, as after a crash: this Redis has just started.
            "TQ_LOOK_UP_AFTER_RESTART_S": "0",
            "TQ_HTTP_TOKENS": f"measurer:events+read:{SENDER}",
        }
        worker = (
            "-A workers.app worker -P threads -c 1 -Q events,enrichment --without-gossip --without-mingle"
        )
        system.start("celery", *worker.split(), "--loglevel", "INFO", log="worker")
        system.environ["URL"] = system.address("tq-http-shim", "--port", "0", log="http")["url"]
        yield system


def round_of(system: TracedSystem, number: int) -> dict[str, int]:
    """Send one payload and one alarm; return how long their paths were."""
    began = time.monotonic()
    answered = post(system, number)
    system.wait_for_quiet()
    payload = {
        "HTTP": system.path_taken("http", began, answered),
        "worker": system.path_taken("worker", began),
    }
    began = time.monotonic()
    alarm = [str(700 + number), "Beacon", "2021-10-05 19:01:02", "-SIP", f"77.77.77.{number + 1}", "--json"]
    subprocess.run(
        system.command("tq-sighting", *alarm, log="command"),
        cwd=system.root,
        env=system.environ,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=WITHIN_S,
    )
    system.wait_for_quiet()
    sighting = {
        "tq-sighting": system.path_taken("command", began),
        "worker": system.path_taken("worker", began),
    }
    return {**lengths("payload", payload), **lengths("alarm", sighting)}


def post(system: TracedSystem, number: int) -> float:
    """Post a payload of its own and return when it was answered, once its event is made."""
    body = {**json.loads(EXAMPLE.read_text()), "event_name": f"path {number}"}
    headers = {"Authorization": f"Bearer {SENDER}"}
    answer = requests.post(f"{system.environ['URL']}/v1/events", json=body, headers=headers, timeout=WITHIN_S)
    answered = time.monotonic()
    answer.raise_for_status()
    job = f"{system.environ['URL']}{answer.json()['status_url']}"
    until(lambda: requests.get(job, headers=headers, timeout=WITHIN_S).json()["state"] == "done")
    return answered


def lengths(what: str, paths: dict[str, PathTaken]) -> dict[str, int]:
    """Return how many files and changes each path has, and how many files all of them run through together."""
    figures = {f"{what}: files in all": len({file for path in paths.values() for file in path.files})}
    for where, path in paths.items():
        figures[f"{what}: files, {where}"] = len(set(path.files))
        figures[f"{what}: changes of the file, {where}"] = path.changes
    return figures


def until(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds."""
    ends = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > ends:
            sys.exit(f"not within {WITHIN_S:g} s: {condition}")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
