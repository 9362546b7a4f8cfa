"""A tiny HTTP server that answers as a test scripts it, for what no simulator does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What to answer; `drop` closes the connection without a word."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


Script = Callable[[Asked], Answer]


class Scripted:
    """The running server: its address and what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Asked] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def calls(self, path: str) -> list[Asked]:
        """Every request for one path."""
        return [asked for asked in self.asked if asked.path == path]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has closed its connection."""


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Serve `script` on a free port."""
    with Scripted(script) as server:
        yield server


def _handler(owner: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                dict(self.headers.items()),
                self.rfile.read(length),
            )
            owner.asked.append(asked)
            self._answer(owner.script(asked))

        do_GET = do_POST = do_PUT = do_DELETE = do

        def _answer(self, answer: Answer) -> None:
            if answer.drop:
                self.close_connection = True
                return
            raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body or {}).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(raw)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
