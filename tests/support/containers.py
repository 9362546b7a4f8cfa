"""docker-compose.yml with the profiles sandbox and monitoring, really run: by Docker, or by Podman."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import requests

from tests.support.deployment import ROOT, compose
from tests.support.producers import event
from tests.support.waiting import until

PROJECT = "tq-compose-test"

#: On this machine, beside those that a real deployment or `make up` may have taken.
PORTS = {"HTTP": 18070, "FLOWER": 15555, "THREATQ": 18900, "LOGRHYTHM": 18901}

#: Workers for events.
EVENTS_WORKERS = 4

#: Grafana's image cannot be made of Debian's packages; its dashboard is tested elsewhere.
SERVICES = [name for name in compose()["services"] if name != "grafana"]

#: A container without root rights may not raise its own limits, and Podman would raise this one.
FOR_PODMAN = "services: {http-shim: {ulimits: {nproc: 4096}}}\n"


NOTHING: Mapping[str, str] = {}


class Composed:
    """The containers of the compose file, run from a copy of it in `folder`."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder, self.engine = folder, engine
        # The simulated services, which hold their events in memory, stay as they are in an upgrade
        text = (ROOT / "docker-compose.yml").read_text()
        kept = text.replace("tq-workers-sandbox:${DEPLOY_VERSION:-local}", "tq-workers-sandbox:local")
        (folder / "docker-compose.yml").write_text(kept)
        shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("secrets"))
        subprocess.run([sys.executable, folder / "deploy/make_secrets.py"], cwd=folder, check=True)
        (folder / "podman.yml").write_text(FOR_PODMAN)

    def compose(self, *words: str, environ: Mapping[str, str] = NOTHING, within_s: float = 600) -> str:
        """Run a command of compose, which must succeed."""
        given = ["-f", "docker-compose.yml", "--project-name", PROJECT, "--env-file", "deploy/sandbox.env"]
        given += ["--profile", "sandbox", "--profile", "monitoring"]
        if self.engine == "podman":
            program = [str(Path(sys.executable).with_name("podman-compose"))]
            given += ["-f", "podman.yml"]
        else:
            program = ["docker", "compose"]
        ports = {f"DEPLOY_{name}_PORT": str(port) for name, port in PORTS.items()}
        # Every command must know how many there are, or it looks after the first alone
        many = {"DEPLOY_EVENTS_WORKERS": str(EVENTS_WORKERS)}
        return self._run([*program, *given, *words], within_s, {**ports, **many, **environ})

    def up(self, *services: str, **environ: str) -> None:
        """Start what does not run yet, and replace what changed."""
        self.compose("up", "--detach", "--no-build", *(services or SERVICES), environ=environ)

    def down(self) -> None:
        """Take everything away, the volumes too."""
        self.compose("down", "--volumes")

    def call(self, *words: str, within_s: float = 60) -> str:
        """Run a command of the engine, which must succeed."""
        return self._run([self.engine, *words], within_s, {})

    def inside(self, container: str, *words: str) -> str:
        """Run a command in a container, as the user that it runs as."""
        return self.call("exec", container, *words)

    def containers(self, *services: str) -> list[str]:
        """Return the names of the containers of these services, without any those of all."""
        return [str(each["name"]) for each in self.state(*services)]

    def state(self, *services: str) -> Iterator[dict[str, Any]]:
        """Yield name, service, process id, exit code and whether it runs, for each container."""
        label = f"label=com.docker.compose.project={PROJECT}"
        ids = self.call("ps", "--all", "--quiet", "--filter", label).split()
        for each in json.loads(self.call("inspect", "--type", "container", *ids)) if ids else ():
            service = each["Config"]["Labels"]["com.docker.compose.service"]
            if not services or service in services:
                yield {
                    "name": each["Name"].lstrip("/"),
                    "service": service,
                    "pid": each["State"]["Pid"],
                    "code": each["State"]["ExitCode"],
                    "runs": each["State"]["Running"],
                    "image": each["Config"]["Image"],
                    "checked": bool(each["Config"].get("Healthcheck")),
                }

    def is_healthy(self, container: str) -> bool:
        """Evaluate the container's health check; Docker does it by itself, Podman only with systemd."""
        if self.engine == "podman":
            words = ["podman", "healthcheck", "run", container]
            return subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0
        return self.call("inspect", "--format", "{{.State.Health.Status}}", container).strip() == "healthy"

    def secret(self, name: str) -> str:
        """Return what a file of deploy/secrets holds."""
        return (self.folder / "deploy/secrets" / name).read_text()

    def _run(self, words: list[str], within_s: float, environ: Mapping[str, str]) -> str:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout


class Sender:
    """Posts numbered payloads to the published port, one after the other, until told to stop."""

    def __init__(self, system: Composed, first: int) -> None:
        self.token = system.secret("http-tokens").partition(",")[0].split(":")[2]
        self.next = first
        self.stopping = threading.Event()

    def post(self) -> None:
        """Post the next payload, again and again until it is accepted."""
        body = event(self.next)
        until(lambda: self._accepted(body), within_s=400, every_s=0.2)
        self.next += 1

    def _accepted(self, body: Mapping[str, object]) -> bool:
        url = f"http://127.0.0.1:{PORTS['HTTP']}/v1/events"
        headers = {"Authorization": f"Bearer {self.token}"}
        with suppress(requests.RequestException):
            return requests.post(url, json=body, headers=headers, timeout=10).status_code == 202
        return False

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Post all the time, from before until after what is done meanwhile."""
        with ThreadPoolExecutor(1) as pool:
            self.stopping.clear()
            self.post()
            posting = pool.submit(self._until_stopped)
            try:
                yield
            finally:
                self.stopping.set()
            posting.result()

    def _until_stopped(self) -> None:
        while not self.stopping.wait(0.02):
            self.post()


def wait_until_healthy(system: Composed, *services: str, within_s: float = 240) -> None:
    """Wait until each container of these services was healthy; fail with the log of one that is not."""
    for name in system.containers(*services):
        try:
            until(partial(system.is_healthy, name), within_s=within_s, every_s=1)
        except AssertionError:
            raise AssertionError(
                f"{name} is not healthy: {system.call('logs', '--tail', '9', name)}"
            ) from None
