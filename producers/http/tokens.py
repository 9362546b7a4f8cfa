"""Who may do what at the HTTP entry point: tokens, kept as digests, each with its scopes and its last day."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct

from producers.http.problems import Problem
from workers.core.errors import ConfigError
from workers.settings.model import Secret

#: What a token may be allowed: send payloads, request actions, read the state of jobs, correct and replay them, scrape
#: metrics, read the audit trail.
SCOPES = frozenset({"events", "actions", "read", "operate", "metrics", "audit"})

#: What a token may do whose entry names no scopes.
USUAL_SCOPES = frozenset({"events", "actions", "read"})

#: Scopes that are included in another one: who reads jobs may count them, and operators may see what was done.
_INCLUDED = {"metrics": "read", "audit": "operate"}

#: Characters that a token needs, and how many different ones, so that it cannot be guessed.
LEAST_CHARACTERS, LEAST_DIFFERENT = 16, 8

_DIGEST = re.compile(r"sha256=([0-9a-fA-F]{64})")

_BREAK = re.compile(r"[,\s]+")

_FIELD = "http_tokens (TQ_HTTP_TOKENS)"

#: The command that makes a token, for errors.
MAKE_ONE = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class TokenHolder(Struct, frozen=True):
    """The holder of a token: its name, what it may do, and its last day (UTC; None: it does not end).

    Or, as `is_user`, a user whom a trusted proxy signed in.
    """

    name: str
    scopes: frozenset[str]
    last_day: date | None = None
    is_user: bool = False

    @property
    def actor(self) -> str:
        """Return who it is that does something, in words that keep a user apart from a token of the same name."""
        return f"the user {self.name}" if self.is_user else f"the token {self.name}"

    def may(self, scope: str) -> bool:
        """Tell whether this token allows what needs `scope`."""
        return scope in self.scopes or _INCLUDED.get(scope) in self.scopes

    def seconds_left(self, now: float) -> float:
        """Return for how many seconds from `now` on the token is good."""
        if self.last_day is None:
            return float("inf")
        end = datetime.combine(self.last_day + timedelta(days=1), datetime.min.time(), UTC)
        return end.timestamp() - now


#: Stands for every sender while the entry point is told to ask for no token.
WITHOUT_TOKEN = TokenHolder("without-token", SCOPES)


class ApiTokens:
    """The tokens of the entry point, by the SHA-256 of each; two of one name make a change without a gap."""

    def __init__(self, known: dict[bytes, TokenHolder], *, open_to_all: bool = False) -> None:
        self.known = known
        self.open_to_all = open_to_all

    def find(self, authorization: str) -> TokenHolder | None:
        """Return the holder of the token in this Authorization header, one that ended too; None for an unknown one."""
        if self.open_to_all:
            return WITHOUT_TOKEN
        digest = hashlib.sha256(_shown(authorization)).digest()
        match = None
        # All are compared, each in constant time, so that the answer's time tells nothing.
        for known, holder in self.known.items():
            if hmac.compare_digest(known, digest):
                match = holder
        return match

    def holder(self, digest: str) -> TokenHolder | None:
        """Return the holder of the token with this digest in hex, while it is good."""
        if self.open_to_all:
            return WITHOUT_TOKEN
        holder = self.known.get(bytes.fromhex(digest))
        return holder if holder and holder.seconds_left(time.time()) > 0 else None


def permitted(holder: TokenHolder | None, scope: str) -> TokenHolder:
    """Return `holder`, which may do what `scope` says.

    Raises Problem: 401 for an unknown token and for one that ended, 403 without the scope.
    """
    if holder is None:
        raise _unauthorized(
            "the token is missing or unknown; send Authorization: Bearer TOKEN, or Basic with the token as password"
        )
    if holder.seconds_left(time.time()) <= 0:
        raise _unauthorized(f"{holder.actor} ended on {holder.last_day}; ask the operator for a new one")
    if not holder.may(scope):
        raise Problem(403, "forbidden", f"{holder.actor} lacks the scope {scope} (TQ_HTTP_TOKENS)")
    return holder


def read_tokens(text: Secret) -> ApiTokens:
    """Read TQ_HTTP_TOKENS: `token`, `name:token`, `name:scope+scope:token` or, with its last day,
    `name:scope+scope:token:2027-12-31`; commas or blanks between.

    In the place of a token its digest may stand, `sha256=<64 hex digits>`. Raises ConfigError without showing
    any of it.
    """
    known: dict[bytes, TokenHolder] = {}
    for number, entry in enumerate(filter(None, _BREAK.split(text.reveal())), 1):
        holder, token = _entry(entry, number)
        digest = _DIGEST.fullmatch(token)
        if not digest:
            _refuse_weak(token, holder.name, number)
        key = bytes.fromhex(digest[1]) if digest else hashlib.sha256(_as_sent(token, number)).digest()
        known[key] = holder
    return ApiTokens(known)


def _entry(entry: str, number: int) -> tuple[TokenHolder, str]:
    parts = entry.split(":")
    last_day = _day(parts.pop(), number) if len(parts) == 4 else None
    token = parts[-1]
    name = parts[0] if len(parts) > 1 else f"token{number}"
    scopes = frozenset(parts[1].split("+")) if len(parts) == 3 else USUAL_SCOPES
    if len(parts) > 3 or not name or not token or not scopes <= SCOPES:
        raise ConfigError(
            f"entry {number} cannot be read; write name:scope+scope:token with scopes of "
            f"{', '.join(sorted(SCOPES))}, no colon in a token, and if it ends :YYYY-MM-DD behind it",
            field=_FIELD,
        )
    return TokenHolder(name, scopes, last_day), token


def _day(text: str, number: int) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"entry {number} has four parts, and the last one is no day; write name:scope+scope:token:YYYY-MM-DD",
            field=_FIELD,
        ) from error


def _refuse_weak(token: str, name: str, number: int) -> None:
    if len(token) < LEAST_CHARACTERS or len(set(token)) < LEAST_DIFFERENT:
        raise ConfigError(
            f"the token of entry {number} ({name}) can be guessed; it needs {LEAST_CHARACTERS} characters, "
            f"{LEAST_DIFFERENT} different ones. Make one with\n  {MAKE_ONE}",
            field=_FIELD,
        )


def _as_sent(token: str, number: int) -> bytes:
    try:
        return token.encode()
    except UnicodeEncodeError:
        # The chain is cut because the error quotes the token.
        raise ConfigError(
            f"the token of entry {number} is no UTF-8 text; make one with\n  {MAKE_ONE}", field=_FIELD
        ) from None


def _unauthorized(text: str) -> Problem:
    headers = {"WWW-Authenticate": 'Bearer realm="tq", Basic realm="tq"'}
    return Problem(401, "unauthorized", text, headers=headers)


def _shown(authorization: str) -> bytes:
    """Return the token of a Bearer header, or the password of a Basic one; b"" for none."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return value.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""
