"""What the HTTP entry point itself adds to the audit trail: which token is used from where, and which are refused.

Both are bounded, so that no sender and no attacker washes other entries out of the trail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Literal

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

#: Refusals by the page, and as many by the API, that are recorded at once, and a minute after that; the next entry says
#: how many were left out.
REFUSED_AT_ONCE, REFUSED_A_MINUTE = 20, 1

_DAY_S = 86_400


class Behind:
    """Writes to the trail behind the requests, in their order, so that none of them waits for it."""

    def __init__(self) -> None:
        self._acts: asyncio.Queue[Callable[[], None]] = asyncio.Queue()

    def put(self, act: Callable[[], None]) -> None:
        """Have `act` done, which writes one entry; how many come is the caller's to bound."""
        self._acts.put_nowait(act)

    async def watch(self) -> None:
        """Write what comes until cancelled; what Redis does not take is in the log alone."""
        while True:
            act = await self._acts.get()
            try:
                await run_sync(act)
            except ServiceAway as error:
                log.warning("an entry of the audit trail was not written", reason=str(error))


class TokenUses:
    """Records the first use of a token from an address on each day."""

    def __init__(self, audit: Audit, behind: Behind) -> None:
        self._audit, self._behind = audit, behind
        self._day, self._known = 0, set[tuple[str, str]]()

    def note(self, name: str, address: str) -> None:
        """Take note of a request that showed a good token."""
        day = int(time.time()) // _DAY_S
        if day != self._day:
            self._day, self._known = day, set()
        use = (name, address)
        if use not in self._known and len(self._known) < MOST_USES:
            self._known.add(use)
            self._behind.put(partial(self._record, day, name, address))

    def _record(self, day: int, name: str, address: str) -> None:
        """Record a use unless another process has, or there are too many; raises ServiceAway."""
        key = keys.audit_tokens(day)
        try:
            is_first, count, _ = write(
                self._audit.redis,
                ("HSETNX", key, f"{name} {address}", int(time.time() * 1000)),
                ("HLEN", key),
                ("EXPIRE", key, 2 * _DAY_S),
            )
        except ServiceAway:
            # The next request with this token is noted anew.
            self._known.discard((name, address))
            raise
        if is_first and count <= MOST_USES:
            self._audit.by(Actor(name, "http", address)).record("token used")


class Refusals:
    """Records those of the sign-ins, or of the tokens that the API was shown, that were refused."""

    def __init__(
        self, audit: Audit, behind: Behind, act: Literal["sign-in refused", "token refused"]
    ) -> None:
        self._audit, self._behind, self._act = audit, behind, act
        self._via = "page" if act == "sign-in refused" else "http"
        self._bucket = Buckets(per_s=REFUSED_A_MINUTE / 60, burst=REFUSED_AT_ONCE)
        self._left_out = 0

    def count(self) -> None:
        """Count one that is not looked at, as too many came from its address."""
        self._left_out += 1

    def note(self, name: str, address: str, code: str) -> None:
        """Take note that the token of this name, "" for an unknown one, was refused, and why."""
        if self._bucket.take(""):
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        audit = self._audit.by(Actor(name or "unknown", self._via, address))
        self._behind.put(partial(audit.record, self._act, reason=code, others=left_out or ""))
