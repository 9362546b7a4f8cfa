"""An offer to go on in another protocol, which a server may ignore; uvicorn's parser then drops the body.

Every stock Java client makes one (h2c) with its first request: Kludex/uvicorn#2722.
"""

from __future__ import annotations

import sys
from typing import Any

# Where there is no httptools, uvicorn takes h11, which reads the body.
if sys.platform != "win32":
    from httptools import HttpParserUpgrade, HttpRequestParser


def declining(connection: Any, parser: Any) -> Any:
    """Return what reads for `connection` like `parser`, and goes on behind an offer as if there were none."""
    if sys.platform == "win32" or not isinstance(parser, HttpRequestParser):
        return parser
    return _Declining(connection, parser)


def is_offered(parser: Any) -> bool:
    """Tell whether the request in hand ends with an offer: httptools takes its head for the whole of it."""
    return isinstance(parser, _Declining) and parser.is_offered()


class _Declining:
    """uvicorn's parser, taken over by a new one at each offer."""

    def __init__(self, connection: Any, parser: Any) -> None:
        self._connection = connection
        self._use(parser)

    def is_offered(self) -> bool:
        """Tell whether the head that was read last makes an offer."""
        offered: bool = self._parser.should_upgrade()
        return offered

    def should_upgrade(self) -> bool:
        """Nothing else is spoken here."""
        return False

    def feed_data(self, data: bytes) -> None:
        """Read on; raises httptools' errors."""
        while data:
            try:
                self._parser.feed_data(data)
                return
            except HttpParserUpgrade as offer:
                data = data[offer.args[0] :]
            # The old parser reads no more; a new one reads the body, of which the head told the length.
            body = _Body(self._connection)
            self._use(HttpRequestParser(body))
            self._parser.feed_data(_head_of_body(self._connection.headers))
            body.begun = True

    def _use(self, parser: Any) -> None:
        self._parser = parser
        self.get_http_version = parser.get_http_version
        self.get_method = parser.get_method
        self.should_keep_alive = parser.should_keep_alive


class _Body:
    """Tells a connection of a body, and of every request behind it, but not of the head that stands for its own."""

    begun = False

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.begun:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of its path was read."""
        if self.begun:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header was read."""
        if self.begun:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head was read."""
        if self.begun:
            self._connection.on_headers_complete()


#: The headers that say how long a body is.
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})


def _head_of_body(headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b\r\n" % (name, value) for name, value in headers if name in _LENGTHS]
    return b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(lines)
