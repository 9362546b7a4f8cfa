"""How long the ledger remembers: the content of done jobs for some days, and a marker of each for some months.

Decided anew at each step from what the settings say now, so that a lower setting frees memory at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from workers.ledger import keys
from workers.ledger.acts import Auditor
from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.markers import DAY_MS, TEXTS
from workers.ledger.scripts import Script

RETIRE = Script("retire", "markers", when_full=True)
FORGET = Script("forget", "markers", when_full=True)

#: Jobs, and texts of markers, that one call looks at: it holds Redis for a few milliseconds.
JOBS_A_CALL, TEXTS_A_CALL = 200, 1_024

#: Texts of markers that are looked at in a second, so that all are in a quarter of an hour: they are kept for days.
TEXTS_A_STEP = 64

#: Milliseconds for which a refused job is kept (lua/settle.lua).
REFUSED_KEPT_MS = 86_400_000

#: Seconds that upkeep spends on it in each second at most.
STEP_S = 0.2


class Retention:
    """Forgets what is older than it is to be kept; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient, *, keep_bodies_s: float, keep_markers_days: float) -> None:
        self.redis = redis
        self.keep_bodies_ms = int(keep_bodies_s * 1000)
        self.keep_markers_ms = int(keep_markers_days * DAY_MS)

    def step(self, now_ms: int) -> None:
        """Do a second's share, by a clock that shows `now_ms`; after a quarter of an hour all is looked at."""
        ends = time.monotonic() + STEP_S
        while self.retire(now_ms - self.keep_bodies_ms) == JOBS_A_CALL and time.monotonic() < ends:
            pass
        share = now_ms // 1000 % (TEXTS // TEXTS_A_STEP)
        self._forget(now_ms - self.keep_markers_ms, share * TEXTS_A_STEP, TEXTS_A_STEP)

    def retire(self, before_ms: int, most: int = JOBS_A_CALL) -> int:
        """Keep a marker of the jobs that were done before a time, and nothing else; return how many there were."""
        return int(run(self.redis, RETIRE, [keys.DONE], [keys.PREFIX, before_ms, most]))

    def retire_jobs(self, job_ids: Sequence[str]) -> int:
        """Keep a marker of these done jobs, and nothing else; return how many there were."""
        return int(run(self.redis, RETIRE, [keys.DONE], [keys.PREFIX, 0, 0, *job_ids])) if job_ids else 0

    def retirable(self, before_ms: int) -> int:
        """Return how many jobs were done before a time and still have their content."""
        return self.redis.zcount(keys.DONE, "-inf", f"({before_ms}")

    def forget_markers(self, before_ms: int, *, only_count: bool = False) -> int:
        """Forget the markers of the days before the one of a time; return how many there were."""
        firsts = range(0, TEXTS, TEXTS_A_CALL)
        return sum(self._forget(before_ms, first, only_count=only_count) for first in firsts)

    def purge(self, done_before_ms: int, markers_before_ms: int, audit: Auditor) -> tuple[int, int]:
        """Forget at once what was done before a time and the markers before another; return how many of each."""
        jobs = 0
        while step := self.retire(done_before_ms):
            jobs += step
            if step < JOBS_A_CALL:
                break
        markers = self.forget_markers(markers_before_ms)
        audit.record("purge", jobs=jobs, markers=markers)
        return jobs, markers

    def _forget(
        self, before_ms: int, first: int, texts: int = TEXTS_A_CALL, *, only_count: bool = False
    ) -> int:
        arguments = [keys.PREFIX, first, texts, before_ms // DAY_MS, int(only_count)]
        return int(run(self.redis, FORGET, [], arguments))
