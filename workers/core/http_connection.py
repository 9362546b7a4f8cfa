"""Connections of urllib3's pools that speak HTTP/1.1 themselves, at a third of the processor time.

Who the other side is, proxies, pools, time limits and errors are urllib3's. What is written and read is ours: a request
leaves in one piece, and the head of an answer is read without the parser for e-mails that the standard library uses.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse, LineTooLong, UnknownProtocol
from io import BufferedReader, RawIOBase
from math import inf
from socket import socket
from typing import Any

from urllib3 import HTTPHeaderDict
from urllib3 import HTTPResponse as PooledResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import InvalidHeader
from urllib3.util import parse_url

#: An answer may take so many times the wait for its next byte, however steadily its bytes trickle.
TOTAL_TIMES = 20

#: Lines of the head of an answer, and bytes of each, as the standard library has them.
MOST_LINES, MOST_LINE_BYTES = 100, 65_536


class _UntilDeadline(RawIOBase):
    """The bytes of one answer, which end with a TimeoutError when it has taken too long in all."""

    def __init__(self, raw: Any, sock: socket) -> None:
        self._raw, self._sock = raw, sock
        self._wait_s = sock.gettimeout()
        self._deadline = time.monotonic() + TOTAL_TIMES * (self._wait_s or inf)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer takes too long")
        if self._wait_s is not None and left_s < self._wait_s:
            self._sock.settimeout(left_s)
        size: int | None = self._raw.readinto(buffer)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer whose body the standard library reads, and whose head we do."""

    def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = BufferedReader(_UntilDeadline(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read the head; raises what the standard library does."""
        itself: Any = self
        version, status, reason = itself._read_status()
        while status == 100:
            _head(self.fp)
            version, status, reason = itself._read_status()
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise UnknownProtocol(version)
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.status, self.reason = status, reason.strip()
        itself.headers = itself.msg = head = _head(self.fp)
        length = head.get("Content-Length", "")
        self.chunked = head.get("Transfer-Encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = None
        if status in (204, 304) or status < 200 or itself._method == "HEAD":
            self.length = 0
        elif length.isdecimal() and not self.chunked:
            self.length = int(length)
        self.will_close = itself._check_close() or not (self.chunked or self.length is not None)


def _head(file: Any) -> HTTPHeaderDict:
    """Read lines of a head up to the empty one."""
    head = HTTPHeaderDict()
    for _ in range(MOST_LINES):
        line = file.readline(MOST_LINE_BYTES + 1)
        if len(line) > MOST_LINE_BYTES:
            raise LineTooLong("header line")
        if line in (b"\r\n", b"\n", b""):
            return head
        name, _, value = line.decode("latin-1").partition(":")
        head.add(name, value.strip())
    raise HTTPException(f"got more than {MOST_LINES} headers")


class PlainConnection(HTTPConnection):
    """A connection of a pool over plain HTTP."""

    #: Method and target of the request whose answer has not been asked for yet.
    _asked = ("", "")

    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **_options: Any,
    ) -> None:
        """Send a request whose body is bytes or a text, and whose headers say how long it is; raises InvalidHeader."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        text = f"{method} {url} HTTP/1.1\r\nHost: {self._authority(url)}\r\n{lines}\r\n"
        try:
            head = text.encode("latin-1")
        except UnicodeEncodeError:
            raise InvalidHeader("a header with a character that HTTP does not know") from None
        if not head.count(b"\n") == head.count(b"\r") == len(headers or {}) + 3:
            raise InvalidHeader("a header with a line break would be two")
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self.timeout)
        self._asked = method, url
        self.sock.sendall(head + (body.encode() if isinstance(body, str) else body or b""))

    def _authority(self, url: str) -> str:
        """Return host and port that a request is for: behind a proxy not those of the connection."""
        if not url.startswith("/"):
            return parse_url(url).netloc or ""
        tunnelled: Any = self
        host, port = tunnelled._tunnel_host or self.host, tunnelled._tunnel_port or self.port
        host = f"[{host}]" if ":" in host else host
        return host if port == self.default_port else f"{host}:{port}"

    def getresponse(self) -> Any:
        """Return the answer, of which the body is still to be read; raises what the standard library does."""
        method, url = self._asked
        self.sock.settimeout(self.timeout)
        answer: Any = _Answer(self.sock, method=method)
        try:
            answer.begin()
        except BaseException:
            answer.close()
            raise
        if answer.will_close:
            self.close()
        return PooledResponse(
            answer,
            answer.headers,
            answer.status,
            version=answer.version,
            reason=answer.reason,
            preload_content=False,
            decode_content=False,
            original_response=answer,
            request_method=method,
            request_url=url,
        )


class TlsConnection(PlainConnection, HTTPSConnection):
    """A connection of a pool over TLS."""
