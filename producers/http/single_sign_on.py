"""Users of the status page whom a proxy has signed in (oauth2-proxy, Authelia): two headers, believed from it alone."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry
from starlette.requests import Request

from producers.http.incidents import Incidents
from producers.http.problems import Problem
from producers.http.proxies import TrustedProxies
from producers.http.tokens import TokenHolder
from workers.core.errors import ConfigError
from workers.settings.model import Settings
from workers.telemetry import metrics

#: Under which name a request's scope holds the address at the other end of its connection, whatever a header says.
PEER = "tq.peer"

#: Characters of a user's name.
MOST_NAME = 128

#: Where a proxy ends its own session: a path of this site, or another one.
_SIGN_OUT = re.compile(r"(/(?![/\\])|https://)[!-~]*", re.ASCII)


class SingleSignOn:
    """Who a request is from by the word of a trusted proxy; raises ConfigError for settings that cannot work."""

    def __init__(self, settings: Settings, proxies: TrustedProxies, registry: CollectorRegistry) -> None:
        prefix = settings.http_sso.lower().encode()
        self.is_on = settings.http_sso != "off"
        self.sign_out = settings.http_sso_sign_out
        self._user, self._groups = prefix + b"-user", prefix + b"-groups"
        self._readers = _names(settings.http_sso_read_groups)
        self._operators = _names(settings.http_sso_operate_groups)
        self._proxies = proxies
        self._ignored = Incidents(
            metrics.counter(registry, metrics.HTTP_SSO_IGNORED), "ignored the headers of a single sign-on"
        )
        if self.is_on:
            self._check()

    def user(self, request: Request) -> TokenHolder | None:
        """Return the user with the scopes of its groups; None where the proxy names none, or is not to be believed.

        Raises Problem for a user whose groups allow nothing.
        """
        named = _values(request, self._user) if self.is_on else []
        if not named:
            return None
        if reason := self._why_ignored(request, named):
            self._ignored.count(reason, request.scope.get(PEER, "?"))
            return None
        name = named[0].decode()
        groups = _names(b",".join(_values(request, self._groups)).decode("utf-8", "replace"))
        operates = bool(groups & self._operators)
        if not operates and not groups & self._readers:
            raise Problem(
                403,
                "no_group",
                f"{name} is signed in, but in no group that may see this page; "
                "ask the operator for one of TQ_HTTP_SSO_READ_GROUPS",
            )
        return TokenHolder(name, frozenset({"read", "operate"} if operates else {"read"}), is_user=True)

    def _why_ignored(self, request: Request, named: list[bytes]) -> str:
        if request.scope.get(PEER, "") not in self._proxies:
            return "untrusted_address"
        # A proxy that lets a client's own header through beside its own must not let the client choose.
        if len(named) > 1 or len(_values(request, self._groups)) > 1:
            return "header_twice"
        return "" if _is_name(named[0]) else "no_name"

    def _check(self) -> None:
        if not self._proxies:
            raise ConfigError(
                "http_sso takes users from a proxy; name its address, from which alone they count",
                field="http_trusted_proxies (TQ_HTTP_TRUSTED_PROXIES)",
            )
        if not self._readers | self._operators:
            raise ConfigError(
                "http_sso lets a user in by a group; name one, or several with commas",
                field="http_sso_read_groups (TQ_HTTP_SSO_READ_GROUPS)",
            )
        if not _SIGN_OUT.fullmatch(self.sign_out):
            raise ConfigError(
                f"{self.sign_out!r} is no place to sign out; write a path of the proxy or an https:// address",
                field="http_sso_sign_out (TQ_HTTP_SSO_SIGN_OUT)",
            )


def _values(request: Request, name: bytes) -> list[bytes]:
    return [value for header, value in request.scope["headers"] if header == name and value]


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",")) - {""}


def _is_name(value: bytes) -> bool:
    try:
        return len(value) <= MOST_NAME and value.decode().isprintable()
    except UnicodeDecodeError:
        return False
