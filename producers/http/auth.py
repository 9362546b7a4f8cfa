"""Who may do what at the HTTP entry point: tokens, kept as digests, each with scopes.

How often somebody may try tokens: by the sender's address, held in memory by each process of the producer.

How often somebody may ask: token buckets, held in memory by each process of the producer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from producers.http.problems import Problem
from workers.core.errors import ConfigError
from workers.settings.model import Secret

#: What a token may be allowed: send payloads, request actions, read the state of jobs, correct and replay them.
SCOPES = frozenset({"events", "actions", "read", "operate"})

#: What a token may do whose entry names no scopes.
USUAL_SCOPES = frozenset({"events", "actions", "read"})

_DIGEST = re.compile(r"sha256=([0-9a-fA-F]{64})")

_BREAK = re.compile(r"[,\s]+")


class TokenHolder(Struct, frozen=True):
    """Somebody who showed a token: its name, and what it may do."""

    name: str
    scopes: frozenset[str]


#: Stands for everybody while the producer is told to ask nobody.
ANYBODY = TokenHolder("anybody", SCOPES)


class ApiTokens:
    """The tokens of the producer, by the SHA-256 of each; two of one name make a change without a gap."""

    def __init__(self, known: dict[bytes, TokenHolder], *, open_to_all: bool = False) -> None:
        self.known = known
        self.open_to_all = open_to_all

    def find(self, authorization: str) -> TokenHolder | None:
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


def permitted(caller: TokenHolder | None, scope: str) -> TokenHolder:
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


def read_tokens(text: Secret) -> ApiTokens:
    """Read TQ_HTTP_TOKENS: `token`, `name:token` or `name:scope+scope:token`, commas or blanks between.

    In the place of a token its digest may stand, `sha256=<64 hex digits>`. Raises ConfigError without showing
    any of it.
    """
    known: dict[bytes, TokenHolder] = {}
    for number, entry in enumerate(filter(None, _BREAK.split(text.reveal())), 1):
        name, scopes, token = _parts(entry, number)
        digest = _DIGEST.fullmatch(token)
        key = bytes.fromhex(digest[1]) if digest else hashlib.sha256(token.encode()).digest()
        known[key] = TokenHolder(name, scopes)
    return ApiTokens(known)


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


#: Wrong tokens that one address may try at once, and how many more a minute.
AT_ONCE, A_MINUTE = 10, 6


class Attempts:
    """Counts wrong tokens; from an address with too many, even a right one is not taken for a while."""

    def __init__(self) -> None:
        self._left = Buckets(per_s=A_MINUTE / 60, burst=AT_ONCE)
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()

    def take(self, address: str, caller: TokenHolder | None) -> float:
        """Count that `caller`, or None for a wrong token, came from `address`.

        Returns 0, or in how many seconds another attempt is looked at.
        """
        network = network_of(address)
        if wait_s := self._left.take(network):
            return wait_s
        if caller:
            self._left.give_back(network)
            self._proven[address, caller.name] = None
            if len(self._proven) > MOST_NAMES:
                self._proven.popitem(last=False)
        return 0.0

    def is_proven(self, address: str, caller: TokenHolder | None) -> bool:
        """Say whether `caller` was let in from `address` before: a sender does not pay for what his neighbours try."""
        return caller is not None and (address, caller.name) in self._proven


#: Names that are remembered; whoever was seen least recently is forgotten, which leaves him a full bucket.
MOST_NAMES = 10_000


class Buckets:
    """A bucket for each name: `burst` at once, and `per_s` more each second."""

    def __init__(self, *, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self.burst = burst
        self.clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one from the bucket of `name`; return 0, or in how many seconds there is one again."""
        now = self.clock()
        level, at = self._levels.pop(name, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.per_s)
        allowed = level >= 1
        self._levels[name] = (level - allowed, now)
        if len(self._levels) > MOST_NAMES:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self.per_s

    def give_back(self, name: str) -> None:
        """Put one back into the bucket of `name`."""
        if name in self._levels:
            level, at = self._levels[name]
            self._levels[name] = (min(self.burst, level + 1), at)


def network_of(address: str) -> str:
    """Return what stands for the sender at `address`: one IPv4 address, or the /64 that an IPv6 host chooses from."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))
