"""POST /api/token in every variant that clients use, and the bearers that come of it."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from typing import Any

import msgspec

from sandbox.threatq.model.call import Answer, Refused
from sandbox.threatq.model.defaults import ACCOUNTS, CLIENT_ID, PRIVATE_CLIENT, Account


class Tokens:
    """Who holds which bearer until when, and the passwords of the moment."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Back to the first passwords and no bearers."""
        self.secrets = {account.login: account.secret for account in ACCOUNTS}
        self.revoke()

    def revoke(self) -> None:
        """Make every bearer and refresh token stale at once."""
        self._bearers: dict[str, tuple[Account, float]] = {}
        self._refreshes: dict[str, Account] = {}

    def account(self, authorization: str) -> Account:
        """The account behind an Authorization header; 401 without one."""
        scheme, _, token = authorization.partition(" ")
        account, until = self._bearers.get(token.strip(), (None, 0.0))
        if scheme.lower() != "bearer" or account is None or time.monotonic() >= until:
            raise Refused(401, {"errors": ["Unauthenticated."]})
        return account

    def grant(self, given: dict[str, Any], authorization: str, expires_in: float) -> Answer:
        """Answer a token request whose parameters were collected from query, JSON and form alike."""
        grant_type = given.get("grant_type")
        if grant_type == "password":
            return self._issue(self._by_password(given), expires_in)
        if grant_type == "client_credentials":
            return self._issue(self._by_client(authorization), expires_in)
        if grant_type == "refresh_token":
            account = self._refreshes.pop(str(given.get("refresh_token")), None)
            return self._issue(account, expires_in)
        raise _bad("unsupported_grant_type", "The grant type is not supported.")

    def _by_password(self, given: dict[str, Any]) -> Account | None:
        if given.get("client_id") != CLIENT_ID:
            raise _bad("invalid_client", "The client is not known.")
        return self._matching(given.get("email"), given.get("password"))

    def _by_client(self, authorization: str) -> Account | None:
        login, secret = _basic(authorization)
        return self._matching(login, secret) if login == PRIVATE_CLIENT.login else None

    def _matching(self, login: object, secret: object) -> Account | None:
        known = [account for account in ACCOUNTS if account.login == login]
        return known[0] if known and self.secrets[known[0].login] == secret else None

    def _issue(self, account: Account | None, expires_in: float) -> Answer:
        if account is None:
            raise _bad("invalid_credentials", "The user credentials were incorrect.")
        bearer, refresh = secrets.token_hex(20), secrets.token_hex(20)
        self._bearers[bearer] = (account, time.monotonic() + expires_in)
        self._refreshes[refresh] = account
        body = {
            "access_token": bearer,
            "token_type": "Bearer",
            "expires_in": expires_in,
            "refresh_token": refresh,
        }
        return Answer(body)


def parameters(
    query: dict[str, str], form: dict[str, str], raw: bytes, *, client_grant: str = "everywhere"
) -> dict[str, Any]:
    """A token request's parameters, wherever they are; any other body is ignored.

    With another `client_grant` the grant of client credentials counts only in the query or in the form.
    """
    chosen = {"query": query, "form": form}.get(client_grant)
    if chosen is not None and "client_credentials" in (query.get("grant_type"), form.get("grant_type")):
        return dict(chosen)
    try:
        body = msgspec.json.decode(raw) if raw and not form else {}
    except msgspec.DecodeError:
        body = {}
    return {**query, **form, **(body if isinstance(body, dict) else {})}


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        login, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return login, secret


def _bad(error: str, description: str) -> Refused:
    # Real ThreatQ answers a bad login with 400; the body's form was not seen, this is OAuth's.
    return Refused(400, {"error": error, "error_description": description})
