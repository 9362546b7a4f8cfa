"""HTTP to LogRhythm's API gateway: one pool of connections, and one error for each way to fail.

How often and after which pauses a call is sent again for what passes by itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import requests
from msgspec import Struct

from workers.core.errors import ConfigError, ServiceAway, Throttled, TqError
from workers.core.http_session import Observer, cause, existing_file, observe_nothing, session_for
from workers.core.urls import service_url
from workers.logrhythm.errors import PASSING, Dropped, failure
from workers.settings.model import Settings

#: Where the gateway listens unless the setting names a port (LogRhythm Cloud: 443).
PORT = 8501

BASE_PATH = "/lr-admin-api"

#: Connections kept open: writes go one at a time, reads of some list families run side by side.
POOL_SIZE = 8


class LogRhythmTransport:
    """Sends one request to the Admin API, decodes its JSON, and raises what the answer means.

    Proxy variables and a .netrc of the environment are not trusted, cookies are refused and redirects are
    not followed, so that the token goes nowhere else.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retry: RetryPolicy | None = None,
        sleep: Callable[[float], object] = time.sleep,
        observe: Observer = observe_nothing,
    ) -> None:
        if not settings.logrhythm_url:
            raise ConfigError("is not set; give LogRhythm's host name or URL", field="logrhythm_url")
        self.url = service_url(settings.logrhythm_url, setting="logrhythm_url", port=PORT)
        self._read_timeout_s = settings.logrhythm_read_timeout_s
        self._list_timeout_s = settings.logrhythm_list_timeout_s
        self._connect_timeout_s = settings.logrhythm_connect_timeout_s
        self._retry, self._sleep = retry or RetryPolicy(), sleep
        self._session = _session(settings, observe)

    def __repr__(self) -> str:
        return f"Gateway({self.url!r})"

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
        return with_retries(lambda: self._once(method, path, data, headers, params), self._retry, self._sleep)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Give the open answer to a GET, for as long as the block lasts."""
        call = f"GET {path}"
        with _our_errors(call, self._list_timeout_s):
            response = with_retries(lambda: self._open(path, headers), self._retry, self._sleep)
            with response:
                yield response

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _once(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
    ) -> Any:
        call = f"{method} {path}"
        with _our_errors(call, self._read_timeout_s):
            response = self._session.request(
                method,
                self.url + BASE_PATH + path,
                data=data,
                headers=headers,
                params=params,
                timeout=(self._connect_timeout_s, self._read_timeout_s),
                allow_redirects=False,
            )
        error = failure(response.status_code, response.content, response.headers, call)
        if error:
            raise error
        return _decoded(response, call)

    def _open(self, path: str, headers: Mapping[str, str]) -> requests.Response:
        with _our_errors(f"GET {path}", self._list_timeout_s):
            response = self._session.get(
                self.url + BASE_PATH + path,
                headers=headers,
                timeout=(self._connect_timeout_s, self._list_timeout_s),
                allow_redirects=False,
                stream=True,
            )
            if response.status_code == 200:
                return response
            with response:
                error = failure(response.status_code, response.content, response.headers, f"GET {path}")
            raise error or ServiceAway(
                "logrhythm", f"LogRhythm answers GET {path} with {response.status_code}"
            )


def _session(settings: Settings, observe: Observer) -> requests.Session:
    return session_for(
        ca_file=existing_file(settings.logrhythm_ca_file, setting="logrhythm_ca_file"),
        proxy=settings.logrhythm_proxy,
        pool_size=POOL_SIZE,
        observe=observe,
        headers={"Authorization": f"Bearer {settings.logrhythm_token.reveal().strip()}"},
    )


def _decoded(response: requests.Response, call: str) -> Any:
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        kind = response.headers.get("Content-Type", "no content type")
        raise ServiceAway(
            "logrhythm",
            f"LogRhythm answers {call} with {kind} instead of JSON; if this lasts, check logrhythm_url: the "
            f"API gateway listens on port {PORT}",
        ) from error


@contextmanager
def _our_errors(call: str, read_timeout_s: float) -> Iterator[None]:
    """Turn what requests raises into our errors, in words without the token."""
    try:
        yield
    except requests.RequestException as error:
        raise _translated(error, call, read_timeout_s) from error


def _translated(error: requests.RequestException, call: str, read_timeout_s: float) -> TqError:
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError) and "certificate" in text.lower():
        return _unverified(text)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return ConfigError("cannot be called; check the address and the token", field="logrhythm_url")
    if "Connection aborted" in text or isinstance(error, requests.exceptions.ChunkedEncodingError):
        return Dropped("logrhythm", f"the connection broke during {call}")
    return ServiceAway("logrhythm", _why_away(error, call, read_timeout_s))


def _why_away(error: requests.RequestException, call: str, read_timeout_s: float) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy to LogRhythm does not answer{cause(error)}; see logrhythm_proxy"
    if isinstance(error, requests.ConnectTimeout):
        return f"LogRhythm does not take a connection for {call}"
    if isinstance(error, requests.Timeout):
        return f"LogRhythm does not answer {call} within {read_timeout_s:g} s"
    return (
        f"LogRhythm cannot be reached for {call}{cause(error)}; is the API gateway running, and is logrhythm_url "
        "right?"
    )


def _unverified(text: str) -> ConfigError:
    return ConfigError(
        f"LogRhythm's certificate cannot be verified ({_reason(text)}); LogRhythm signs it itself: export it as "
        "PEM and name the file here, and use the host name that stands in it",
        field="logrhythm_ca_file",
    )


def _reason(text: str) -> str:
    """Return OpenSSL's own words for what is wrong with a certificate."""
    return text.rpartition("verify failed: ")[2].partition(" (_ssl")[0].strip(" .'\")")[:200]


T = TypeVar("T")

_CHANCE = random.SystemRandom().random


class RetryPolicy(Struct, frozen=True):
    """At most `tries` calls, with pauses that double from `first_s` to `most_s`, each shortened by chance.

    A pause that LogRhythm asks for itself is kept; one longer than `most_s` is left to the job's own retry. Where it
    wants fewer calls there are `throttled_tries` at most: the breaker then waits for all runs at once.
    """

    tries: int = 8
    throttled_tries: int = 2
    first_s: float = 0.25
    most_s: float = 10.0

    def pause(self, attempt: int, error: ServiceAway, chance: float) -> float | None:
        """Return the seconds to wait after failed `attempt` (from 1), None to give up."""
        if attempt >= (self.throttled_tries if isinstance(error, Throttled) else self.tries):
            return None
        if error.after is not None:
            return error.after if error.after <= self.most_s else None
        # Half of the pause is by chance, so that two writers do not meet again at the same moment.
        return float(min(self.most_s, self.first_s * 2 ** (attempt - 1)) * (0.5 + chance / 2))


def with_retries(
    call: Callable[[], T], policy: RetryPolicy, sleep: Callable[[float], object] = time.sleep
) -> T:
    """Return what `call` returns, sending it again for deadlocks, throttling and broken connections."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except PASSING as error:
            pause = policy.pause(attempt, error, _CHANCE())
            if pause is None:
                raise
            sleep(pause)
