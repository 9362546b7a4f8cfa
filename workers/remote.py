"""How both platforms are called: each call is told to an observer, and tied to the trace of the job it is made for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from workers import tracing

#: Told of each call: method, path without parameters, status (0: no answer), seconds until the head of the answer.
Observer = Callable[[str, str, int, float], None]


def observe_nothing(_method: str, _path: str, _status: int, _seconds: float) -> None:
    """Observe nothing."""


class Adapter(HTTPAdapter):
    """A pool of connections that does both."""

    def __init__(self, observe: Observer, *, pool_connections: int, pool_maxsize: int) -> None:
        super().__init__(pool_connections=pool_connections, pool_maxsize=pool_maxsize)
        self._tell = observe

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request; raises what requests raises."""
        request.headers.update(tracing.headers())
        began, status = time.monotonic(), 0
        try:
            response = super().send(request, *args, **options)
            status = response.status_code
            return response
        finally:
            path = request.path_url.partition("?")[0]
            self._tell(str(request.method), path, status, time.monotonic() - began)
