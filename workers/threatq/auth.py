"""The token: fetched by one thread for all, renewed before it runs out, and never shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from workers.core.errors import BadCredentials, ConfigError, ServiceAway
from workers.core.http_session import undisturbed
from workers.settings.model import Settings
from workers.threatq.errors import ServiceRefusal
from workers.threatq.transport import Transport

LOGIN_PATH = "/api/token"
#: Share of a token's life after which it is renewed, so that no call meets an expired one.
RENEW_AT = 0.8
#: Seconds a token is taken to live when ThreatQ does not say (the vendor's SDK renews after 30 minutes).
DEFAULT_LIFE_S = 1_800.0


#: The grant of a private OAuth client.
CLIENT_GRANT = {"grant_type": "client_credentials"}


class Grant(msgspec.Struct, frozen=True):
    """ThreatQ's answer to a login."""

    access_token: str
    expires_in: float = DEFAULT_LIFE_S
    refresh_token: str = ""

    def __repr__(self) -> str:
        return f"Grant(expires_in={self.expires_in})"


class AccessTokens:
    """Holds the current token; every thread asks it, one of them logs in."""

    def __init__(
        self, transport: Transport, settings: Settings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._grant: Grant | None = None
        self._renew_at = 0.0

    def current(self) -> str:
        """Return a token that is good for a while; renews or logs in if there is none."""
        with self._lock:
            if self._grant is None or self._clock() >= self._renew_at:
                with undisturbed():
                    self._keep(self._renewed() or self._login())
            return self._grant.access_token if self._grant else ""

    def drop(self, token: str) -> None:
        """Forget `token` after a 401, unless another thread has replaced it already."""
        with self._lock:
            if self._grant is not None and self._grant.access_token == token:
                self._grant = None

    def _keep(self, grant: Grant) -> None:
        self._grant = grant
        self._renew_at = self._clock() + grant.expires_in * RENEW_AT

    def _renewed(self) -> Grant | None:
        """Return a grant from the refresh token, or None where a login is needed.

        The refresh token travels in the body (the vendor's SDK puts it into the URL), because URLs end
        up in access logs and debug logs; a ThreatQ that does not take it so is logged in to again.
        """
        if self._grant is None or not self._grant.refresh_token:
            return None
        body = {"grant_type": "refresh_token", "refresh_token": self._grant.refresh_token}
        headers = {"Authorization": f"Bearer {self._grant.access_token}"}
        try:
            return _grant(self._transport.send("POST", LOGIN_PATH, json=body, headers=headers))
        except (ServiceRefusal, ConfigError):
            return None

    def _login(self) -> Grant:
        try:
            return _grant(self._ask())
        except ServiceRefusal as error:
            if error.status in (400, 401, 422):
                raise self._not_accepted(error) from None
            # Never the fault of the job at hand, which waits until the address is corrected.
            raise ConfigError(f"{error}; is that ThreatQ's own address?", field="threatq_url") from None

    def _ask(self) -> Any:
        """Send the grant that the settings allow.

        The password goes with all four parts in the body (as Kibana's and Polarity's clients send it),
        the client credentials by HTTP Basic: neither shows in a URL. Their grant stands in the query, where the
        vendor's SDK puts it, and in a form, where Elastic's production client does.
        """
        config = self._settings
        if not config.threatq_client_id:
            raise ConfigError(
                "is not set; ThreatQ shows it in the user's API details", field="threatq_client_id"
            )
        if config.threatq_client_secret:
            return self._transport.send(
                "POST",
                LOGIN_PATH,
                params=CLIENT_GRANT,
                form=CLIENT_GRANT,
                auth=(config.threatq_client_id, config.threatq_client_secret.reveal()),
            )
        return self._transport.send(
            "POST",
            LOGIN_PATH,
            json={
                "grant_type": "password",
                "client_id": config.threatq_client_id,
                "email": config.threatq_email,
                "password": config.threatq_password.reveal(),
            },
        )

    def _not_accepted(self, error: ServiceRefusal) -> BadCredentials:
        """Return the error for a refused login; ThreatQ's words are kept out, as they may repeat ours."""
        if self._settings.threatq_client_secret:
            what, fields = "client id and secret", "threatq_client_id, threatq_client_secret"
        else:
            what, fields = (
                "client id, e-mail and password",
                "threatq_client_id, threatq_email, threatq_password",
            )
        return BadCredentials(
            "threatq", f"ThreatQ does not accept this {what} ({error.status})", field=fields
        )


def _grant(body: Any) -> Grant:
    try:
        return msgspec.convert(body, Grant, strict=False)
    except msgspec.ValidationError as error:
        raise ServiceAway("threatq", f"ThreatQ's login answer cannot be read ({error})") from None
