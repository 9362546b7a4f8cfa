"""A notice goes to a webhook: generic JSON, Slack or Teams, over HTTPS with a certificate that is verified."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from requests import Response

from workers.core.errors import ConfigError, Rejected, ServiceAway
from workers.core.http_failures import Remote, answering
from workers.core.http_session import existing_file, observe_nothing, session_for
from workers.core.text import printable
from workers.core.urls import is_loopback
from workers.notices.messages import as_json, as_slack, as_teams
from workers.notices.notice import Notice
from workers.settings.model import Settings

#: Seconds to connect, and to wait for each part of the answer.
TIMEOUT = (3.0, 5.0)

#: Bytes and characters of an answer that are read and shown.
MOST_READ, MOST_SHOWN = 4_096, 200

#: The thread that sends notices; of its calls urllib3 logs nothing, since the path of a webhook is its secret.
THREAD = "notices"

FORMS: Mapping[str, Callable[[Notice, str], dict[str, Any]]] = {
    "json": as_json,
    "slack": as_slack,
    "teams": as_teams,
}

_REMOTE = Remote(
    "notices_webhook",
    "the webhook",
    "name the authority that signed it with TQ_NOTICES_WEBHOOK_CA_FILE",
)


class Webhook:
    """The webhook that the settings name; raises ConfigError where it cannot be used as it is set."""

    name = "webhook"

    def __init__(self, settings: Settings) -> None:
        self._url = settings.notices_webhook_url.reveal().strip()
        self._host = _checked_host(self._url)
        self._form = FORMS[settings.notices_webhook_form]
        self._public_url = settings.public_url
        authorization = settings.notices_webhook_authorization.reveal().strip()
        self._session = session_for(
            ca_file=existing_file(settings.notices_webhook_ca_file, setting="notices_webhook_ca_file"),
            proxy=settings.notices_webhook_proxy,
            pool_size=1,
            observe=observe_nothing,
            headers={"Authorization": authorization} if authorization else None,
        )

    def send(self, notice: Notice) -> str:
        """Send a notice; return what the receiver answered.

        Raises ServiceAway where it does not answer, Rejected where it refuses.
        """
        body = json.dumps(self._form(notice, self._public_url)).encode()
        with answering(_REMOTE, "the notice", TIMEOUT):
            response = self._call("POST", body)
            answer = f"{response.status_code} {_beginning(response)}".strip()
        if response.status_code in (408, 429) or response.status_code >= 500:
            raise ServiceAway(_REMOTE.service, f"{self._host} answers {answer}")
        if response.status_code >= 300:
            raise Rejected(f"{self._host} refuses the notice: {answer}")
        return f"{self._host} answered {answer}"

    def probe(self) -> str:
        """Reach the receiver without a notice; return that it answers. Raises as `send` does."""
        with answering(_REMOTE, "a trial connection", TIMEOUT):
            self._call("HEAD", b"").close()
        return f"{self._host} answers"

    def _call(self, method: str, body: bytes) -> Response:
        return self._session.request(
            method, self._url, data=body, timeout=TIMEOUT, allow_redirects=False, stream=True
        )


def _checked_host(url: str) -> str:
    """Return the host of a webhook's address; the error does not show the address, which is a secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("https", "http") or not host:
        raise ConfigError(
            "is no address of a webhook; it begins with https:// and a host", field="notices_webhook_url"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            "is plain http, which sends notices and the webhook's secret in the clear; use https",
            field="notices_webhook_url",
        )
    return host


def _beginning(response: Response) -> str:
    """Return the beginning of an answer in one line, and let go of the rest."""
    with response:
        text = next(response.iter_content(MOST_READ), b"").decode(errors="replace")
    return printable(" ".join(text.split()))[:MOST_SHOWN]


def _is_harmless(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD


logging.getLogger("urllib3.connectionpool").addFilter(_is_harmless)


def in_thread(act: Callable[[], None]) -> threading.Thread:
    """Start `act` in the thread whose calls are not logged; it ends with the process."""
    thread = threading.Thread(target=act, name=THREAD, daemon=True)
    thread.start()
    return thread
