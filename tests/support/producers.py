"""The HTTP entry point as a real process, and requests to it, byte for byte where that matters."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import requests

from tests.support.waiting import until

#: Where the commands of this environment are.
BIN = Path(sys.executable).parent

TOKEN, READER, OPERATOR = "sesame-of-the-tests", "just-looking-around", "master-key-of-tests"
SENDER, SCRAPER = "only-sends-events", "only-scrapes-metrics"


def event(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a payload of its own."""
    return {
        "event_name": f"event {number}",
        "event_type": "Sighting",
        "event_happened_at": 1633460462,
        **fields,
    }


class Process:
    """A command of ours in the background; its output is in `folder`."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str], *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TQ_")}
        with (folder / f"{name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(BIN / name), *options],
                env={**clean, "TQ_CONFIG": str(folder), **environ},
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def stop(self) -> int:
        """Ask it to stop and return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """Kill it hard."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


class Shim(Process):
    """`tq-http-shim` on a free port."""

    def __init__(self, folder: Path, redis_url: str, *options: str, port: int = 0, **settings: str) -> None:
        tokens = (
            f"nifi:events+actions+read:{TOKEN},reader:read:{READER},operator:read+operate:{OPERATOR},"
            f"sender:events:{SENDER},scraper:metrics:{SCRAPER}"
        )
        self.redis_url = redis_url
        environ = {"TQ_REDIS_URL": redis_url, "TQ_HTTP_TOKENS": tokens}
        environ |= {f"TQ_{name.upper()}": value for name, value in settings.items()}
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        super().__init__(
            "tq-http-shim", folder, environ, "--port", str(port), "--ready-file", str(ready), *options
        )
        until(lambda: ready.exists() or self.process.poll() is not None, within_s=30)
        assert self.process.poll() is None, (folder / "tq-http-shim.log").read_text()
        self.url = json.loads(ready.read_text())["url"]
        self.port = int(self.url.rpartition(":")[2])

    def call(self, method: str, path: str, *, token: str = TOKEN, **options: Any) -> requests.Response:
        """Send a request with a token."""
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, **{"timeout": 30, **options})

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        """Post bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call("POST", path, data=data, **options)

    def raw(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Send bytes over a bare socket; return the answer's status, headers and body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as link:
            link.sendall(request)
            return read_answer(link)


def read_answer(link: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one HTTP answer that has a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = link.recv(65_536)
        assert chunk, f"the connection was closed after {data!r}"
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += link.recv(65_536)
    return int(lines[0].split()[1]), headers, body
