"""HTTP to LogRhythm's API gateway: one pool of connections, and one error for each way to fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import requests

from workers.core.errors import ConfigError, ServiceAway
from workers.core.http_answers import body_of, decoded
from workers.core.http_failures import Remote, answering
from workers.core.http_session import Observer, existing_file, observe_nothing, send, session_for
from workers.core.retry import RetryPolicy, retry
from workers.core.urls import service_url
from workers.logrhythm.errors import PASSING, failure
from workers.settings.model import Settings

#: Where the gateway listens unless the setting names a port (LogRhythm Cloud: 443).
PORT = 8501

LOGRHYTHM = Remote(
    "logrhythm",
    "LogRhythm",
    "LogRhythm signs it itself: export it as PEM and name the file here, and use the host name that stands in it",
)

BASE_PATH = "/lr-admin-api"

#: How a call is sent again for what passes by itself.
RETRY = RetryPolicy(first_s=0.25, most_s=10.0, tries=8, throttled_tries=2, spread=0.5)

#: Connections kept open: writes go one at a time, reads of some list families run side by side.
POOL_SIZE = 8


T = TypeVar("T")


class LogRhythmTransport:
    """Sends one request to the Admin API, decodes its JSON, and raises what the answer means.

    Proxy variables and a .netrc of the environment are not trusted, cookies are refused and redirects are
    not followed, so that the token goes nowhere else.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        policy: RetryPolicy = RETRY,
        sleep: Callable[[float], object] = time.sleep,
        observe: Observer = observe_nothing,
    ) -> None:
        if not settings.logrhythm_url:
            raise ConfigError("is not set; give LogRhythm's host name or URL", field="logrhythm_url")
        self.url = service_url(settings.logrhythm_url, setting="logrhythm_url", port=PORT)
        connect_s = settings.logrhythm_connect_timeout_s
        self._timeout = (connect_s, settings.logrhythm_read_timeout_s)
        self._list_timeout = (connect_s, settings.logrhythm_list_timeout_s)
        self._policy, self._sleep = policy, sleep
        self._session = _session(settings, observe)

    def __repr__(self) -> str:
        return f"LogRhythmTransport({self.url!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the decoded answer; deadlocks, throttling and broken connections are tried again in place.

        Raises ServiceAway for what passes, ConfigError for what an administrator corrects, Rejected for the
        rest. Every call of this API may be repeated: adding twice is adding once, creating twice is a 409.
        """
        data = None if body is None else msgspec.json.encode(body)
        return self._retried(lambda: self._once(method, path, data, headers, params))

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Give the open answer to a GET, for as long as the block lasts."""
        call = f"GET {path}"
        with answering(LOGRHYTHM, call, self._list_timeout):
            response = self._retried(lambda: self._open(path, headers))
            with response:
                yield response

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _retried(self, call: Callable[[], T]) -> T:
        return retry(call, self._policy, on=PASSING, sleep=self._sleep)

    def _once(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
    ) -> Any:
        call = f"{method} {path}"
        with answering(LOGRHYTHM, call, self._timeout):
            response = send(
                self._session,
                method,
                self.url + BASE_PATH + path,
                params=params,
                headers=headers,
                data=data,
                timeout=self._timeout,
            )
            content = body_of(response, LOGRHYTHM, call, sent=len(data or b""))
            error = failure(response.status_code, content, response.headers, call)
            if error:
                raise error
            return _decoded(response, content, call, sent=len(data or b""))

    def _open(self, path: str, headers: Mapping[str, str]) -> requests.Response:
        call = f"GET {path}"
        with answering(LOGRHYTHM, call, self._list_timeout):
            url = self.url + BASE_PATH + path
            response = send(self._session, "GET", url, headers=headers, timeout=self._list_timeout)
            if response.status_code == 200:
                return response
            with response:
                content = body_of(response, LOGRHYTHM, call)
            error = failure(response.status_code, content, response.headers, call)
            raise error or ServiceAway("logrhythm", f"LogRhythm answers {call} with {response.status_code}")


def _session(settings: Settings, observe: Observer) -> requests.Session:
    return session_for(
        ca_file=existing_file(settings.logrhythm_ca_file, setting="logrhythm_ca_file"),
        proxy=settings.logrhythm_proxy,
        pool_size=POOL_SIZE,
        observe=observe,
        headers={"Authorization": f"Bearer {settings.logrhythm_token.reveal().strip()}"},
    )


def _decoded(response: requests.Response, content: bytes, call: str, *, sent: int) -> Any:
    try:
        return decoded(content, sent=sent)
    except ValueError as error:
        kind = response.headers.get("Content-Type", "no content type")
        raise ServiceAway(
            "logrhythm",
            f"LogRhythm answers {call} with {kind} instead of JSON ({error}); if this lasts, check logrhythm_url: the "
            f"API gateway listens on port {PORT}",
        ) from error
