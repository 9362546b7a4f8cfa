"""HTTP to ThreatQ: one pool of connections that all threads share, and one error for each way to fail."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import requests

from workers.core.errors import ServiceAway
from workers.core.http_answers import body_of, decoded
from workers.core.http_failures import Remote, answering
from workers.core.http_session import Observer, existing_file, observe_nothing, send, session_for
from workers.core.urls import service_url
from workers.settings.model import Settings
from workers.threatq.errors import failure

THREATQ = Remote("threatq", "ThreatQ", "give the CA that signed it", stays_busy=True)

FORM = "application/x-www-form-urlencoded"

#: Connections kept open; a worker with more threads opens further ones and closes them after use.
POOL_SIZE = 32


class Transport:
    """Sends one request, decodes its JSON, and raises what the answer means.

    The environment is not trusted: proxy variables meant for the internet and a .netrc must not
    reach ThreatQ. Cookies are refused and redirects are not followed, so that a token goes nowhere else.
    """

    def __init__(self, settings: Settings, *, observe: Observer = observe_nothing) -> None:
        self.base = service_url(settings.threatq_url, setting="threatq_url")
        self._timeout = (settings.threatq_connect_timeout_s, settings.threatq_read_timeout_s)
        self._session = threatq_session(settings, observe=observe)
        self._last_date = ""

    def __repr__(self) -> str:
        return f"Transport({self.base!r})"

    @property
    def server_time(self) -> float | None:
        """ThreatQ's clock as its last answer showed it, in seconds; None before that, or where it does not tell."""
        return _seconds(self._last_date)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        type: Any = Any,
    ) -> Any:
        """Return the body of a 2xx answer, decoded as `type`; an empty one is {}. The body sent is `json` or a `form`.

        Raises ServiceAway for what passes, Refusal for what this request causes, ConfigError for what
        an administrator must correct.
        """
        call = f"{method} {path}"
        data = b"" if json is None else msgspec.json.encode(json)
        if form is not None:
            data, headers = urlencode(form).encode(), {"Content-Type": FORM, **(headers or {})}
        with answering(THREATQ, call, self._timeout):
            response = send(
                self._session,
                method,
                self.base + path,
                params=params,
                headers=headers,
                data=data or None,
                auth=auth,
                timeout=self._timeout,
            )
            content = body_of(response, THREATQ, call, sent=len(data))
            self._last_date = response.headers.get("Date", "")
            if type is Any:
                return _read(response, content, call, sent=len(data))
            if response.status_code != 200:
                _read(response, content, call, sent=len(data))
            return _typed(content, type, call)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()


def threatq_session(settings: Settings, *, observe: Observer = observe_nothing) -> requests.Session:
    """Return a session with the TLS files and the proxy that the settings name."""
    ca_file = existing_file(settings.threatq_ca_file, setting="threatq_ca_file")
    made = session_for(ca_file=ca_file, proxy=settings.threatq_proxy, pool_size=POOL_SIZE, observe=observe)
    made.cert = existing_file(settings.threatq_client_cert, setting="threatq_client_cert") or None
    return made


def _read(response: requests.Response, content: bytes, call: str, *, sent: int) -> Any:
    """Decode an answer, or raise what it means."""
    why = ""
    try:
        body = decoded(content, sent=sent) if content.strip() else {}
    except ValueError as unread:
        body, why = None, str(unread)
    error = failure(response.status_code, body, response.headers, call)
    if error:
        raise error
    if why:
        kind = response.headers.get("Content-Type", "no content type")
        raise ServiceAway(
            "threatq",
            f"ThreatQ answers {call} with {kind} instead of JSON ({why}); if this lasts, check threatq_url",
        )
    return body


def _typed(content: bytes, type: Any, call: str) -> Any:
    """Decode straight into `type`, a quarter of the time that dictionaries take."""
    try:
        return decoded(content, type)
    except ValueError as error:
        raise ServiceAway(
            "threatq", f"ThreatQ answers {call} in a way that we do not know ({error}); see threatq_url"
        ) from error


def skew_s(settings: Settings) -> float | None:
    """Return by how many seconds ThreatQ's clock is ahead of ours, to the second; None where it does not tell."""
    timeout = (settings.threatq_connect_timeout_s, settings.threatq_read_timeout_s)
    try:
        with threatq_session(settings) as session:
            answer = session.head(settings.threatq_url, timeout=timeout, allow_redirects=False)
    except requests.RequestException:
        return None
    server_time = _seconds(answer.headers.get("Date", ""))
    return None if server_time is None else server_time - time.time()


def _seconds(date: str) -> float | None:
    """Return the date of an answer in seconds, None where it bears none."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
