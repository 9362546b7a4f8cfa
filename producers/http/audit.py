"""What the HTTP entry point itself adds to the audit trail: which token is used from where, and sign-ins that fail.

Both are bounded, so that no sender and no attacker washes other entries out of the trail.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from anyio.to_thread import run_sync

from producers.http.auth import Buckets
from workers.core.errors import ServiceAway
from workers.ledger import keys
from workers.ledger.acts import Actor
from workers.ledger.audit import Audit
from workers.ledger.small_writes import write

log = structlog.get_logger("tq.http")

#: Uses of tokens that are recorded a day: pairs of a token's name and an address.
MOST_USES = 1_000

#: Failed sign-ins that are recorded at once, and a minute after that; the next entry says how many were left out.
REFUSED_AT_ONCE, REFUSED_A_MINUTE = 20, 1

_DAY_S = 86_400


class TokenUses:
    """Records the first use of a token from an address on each day, without keeping its request waiting."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._day, self._known = 0, set[tuple[str, str]]()
        self._new: asyncio.Queue[tuple[int, str, str]] = asyncio.Queue()

    def note(self, name: str, address: str) -> None:
        """Take note of a request that showed a good token."""
        day = int(time.time()) // _DAY_S
        if day != self._day:
            self._day, self._known = day, set()
        use = (name, address)
        if use not in self._known and len(self._known) < MOST_USES:
            self._known.add(use)
            self._new.put_nowait((day, *use))

    async def watch(self) -> None:
        """Record what is new until cancelled."""
        while True:
            day, name, address = await self._new.get()
            try:
                await run_sync(self._record, day, name, address)
            except ServiceAway as error:
                # The next request with this token is noted anew.
                self._known.discard((name, address))
                log.warning("the use of a token was not recorded", token=name, reason=str(error))

    def _record(self, day: int, name: str, address: str) -> None:
        """Record a use unless another process has, or there are too many."""
        key = keys.audit_tokens(day)
        is_first, count, _ = write(
            self._audit.redis,
            ("HSETNX", key, f"{name} {address}", int(time.time() * 1000)),
            ("HLEN", key),
            ("EXPIRE", key, 2 * _DAY_S),
        )
        if is_first and count <= MOST_USES:
            self._audit.by(Actor(name, "http", address)).record("token used")


class Refusals:
    """Records sign-ins that fail."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._bucket = Buckets(per_s=REFUSED_A_MINUTE / 60, burst=REFUSED_AT_ONCE)
        self._left_out = 0

    def count(self) -> None:
        """Count a sign-in that is not looked at, as too many came from its address."""
        self._left_out += 1

    def note(self, name: str, address: str, code: str) -> None:
        """Record a sign-in with a token of this name, "" for an unknown one, that failed; raises ServiceAway."""
        if self._bucket.take(""):
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        actor = Actor(name or "unknown", "page", address)
        self._audit.by(actor).record("sign-in refused", reason=code, others=left_out or "")
