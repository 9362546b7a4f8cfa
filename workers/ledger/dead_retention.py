"""How long dead letters and items of the quarantine are kept: until an operator acts, or for some days at most."""

from __future__ import annotations

from collections.abc import Sequence

from workers.core.text import counted
from workers.ledger import keys
from workers.ledger.acts import Actor
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.client import RedisClient
from workers.ledger.markers import DAY_MS
from workers.ledger.quarantine import Quarantine
from workers.settings.model import Settings

#: Jobs, and items, that one step forgets.
A_STEP = 200

#: Milliseconds before it is forgotten from which an operator is warned; half of the time where that is shorter.
WARN_MS = 7 * DAY_MS


class DeadRetention:
    """Forgets what has been dead for `keep_dead_days`, never where those are 0; raises ServiceAway("redis").

    What it forgets is in the audit trail, by the name of the setting. A job that is forgotten leaves no marker: the
    same payload, sent again, is a new job, which looks for the event that a try of the first may have made.
    """

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self._redis = redis
        self._keep_ms = int(settings.keep_dead_days * DAY_MS)
        self._audit = Audit.of(redis, settings, Actor("keep_dead_days", "upkeep"))

    def step(self, now_ms: int) -> None:
        """Do a second's share."""
        if not self._keep_ms:
            return
        if jobs := self._older(keys.DEAD, now_ms):
            LedgerAdmin(self._redis, self._audit).drop(jobs)
        if items := self._older(keys.QUARANTINE, now_ms):
            Quarantine(self._redis).drop(items, self._audit)

    def warning(self, now_ms: int) -> str:
        """Say what is forgotten soon, "" for nothing."""
        warn_ms = min(WARN_MS, self._keep_ms // 2)
        before_ms = now_ms - self._keep_ms + warn_ms
        jobs, items = (self._redis.zcount(key, "-inf", before_ms) for key in (keys.DEAD, keys.QUARANTINE))
        if not self._keep_ms or not (jobs or items):
            return ""
        what = [counted(jobs, "dead letter")] * bool(jobs) + [counted(items, "quarantined item")] * bool(
            items
        )
        return f"{' and '.join(what)} will be forgotten within {warn_ms / DAY_MS:g} days (keep_dead_days)"

    def _older(self, key: str, now_ms: int) -> Sequence[str]:
        rows = self._redis.zrangebyscore(
            key, "-inf", f"({now_ms - self._keep_ms}", start=0, num=A_STEP, withscores=True
        )
        return [name.decode() for name, _ in rows]
