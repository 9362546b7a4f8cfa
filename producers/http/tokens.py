"""Who may do what at the HTTP door: tokens, kept as digests, each with scopes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from msgspec import Struct

from producers.http.problems import Problem
from workers.config import Secret
from workers.errors import ConfigError

#: What a token may be allowed: send payloads, request actions, read the state of jobs, correct and replay them.
SCOPES = frozenset({"events", "actions", "read", "operate"})

#: What a token may do whose entry names no scopes.
USUAL_SCOPES = frozenset({"events", "actions", "read"})

_DIGEST = re.compile(r"sha256=([0-9a-fA-F]{64})")
_BREAK = re.compile(r"[,\s]+")


class Caller(Struct, frozen=True):
    """Somebody who showed a token: its name, and what it may do."""

    name: str
    scopes: frozenset[str]


#: Stands for everybody while the door is told to ask nobody.
ANYBODY = Caller("anybody", SCOPES)


class Tokens:
    """The tokens of the door, by the SHA-256 of each; two of one name make a change without a gap."""

    def __init__(self, known: dict[bytes, Caller], *, open_to_all: bool = False) -> None:
        self.known = known
        self.open_to_all = open_to_all

    def find(self, authorization: str) -> Caller | None:
        """Return who sends this Authorization header, or None for somebody unknown."""
        if self.open_to_all:
            return ANYBODY
        digest = hashlib.sha256(_shown(authorization)).digest()
        found = None
        # All are compared, each in constant time, so that the answer's time tells nothing.
        for known, caller in self.known.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def permitted(caller: Caller | None, scope: str) -> Caller:
    """Return `caller`, who may do what `scope` says; raises Problem (401 for nobody, 403 without the scope)."""
    if caller is None:
        raise Problem(
            401,
            "unauthorized",
            "the token is missing or unknown; send Authorization: Bearer TOKEN, or Basic with the token as password",
            headers={"WWW-Authenticate": 'Bearer realm="tq", Basic realm="tq"'},
        )
    if scope not in caller.scopes:
        raise Problem(403, "forbidden", f"the token {caller.name} lacks the scope {scope} (TQ_HTTP_TOKENS)")
    return caller


def read_tokens(text: Secret) -> Tokens:
    """Read TQ_HTTP_TOKENS: `token`, `name:token` or `name:scope+scope:token`, commas or blanks between.

    In the place of a token its digest may stand, `sha256=<64 hex digits>`. Raises ConfigError without showing
    any of it.
    """
    known: dict[bytes, Caller] = {}
    for number, entry in enumerate(filter(None, _BREAK.split(text.reveal())), 1):
        name, scopes, token = _parts(entry, number)
        digest = _DIGEST.fullmatch(token)
        key = bytes.fromhex(digest[1]) if digest else hashlib.sha256(token.encode()).digest()
        known[key] = Caller(name, scopes)
    return Tokens(known)


def _parts(entry: str, number: int) -> tuple[str, frozenset[str], str]:
    parts = entry.split(":")
    token = parts[-1]
    name = parts[0] if len(parts) > 1 else f"token{number}"
    scopes = frozenset(parts[1].split("+")) if len(parts) == 3 else USUAL_SCOPES
    if len(parts) > 3 or not name or not token or not scopes <= SCOPES:
        raise ConfigError(
            f"entry {number} cannot be read; write name:scope+scope:token with scopes of "
            f"{', '.join(sorted(SCOPES))}, and no colon in a token",
            field="http_tokens (TQ_HTTP_TOKENS)",
        )
    return name, scopes, token


def _shown(authorization: str) -> bytes:
    """Return the token of a Bearer header, or the password of a Basic one; b"" for none."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return value.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""
