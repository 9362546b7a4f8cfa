"""The operator's side of the ledger: replay the dead, drop them, pause a queue; each act is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from workers.ledger import keys
from workers.ledger.acts import Auditor, named
from workers.ledger.audit import Audit
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, run
from workers.ledger.markers import DAY_MS
from workers.ledger.packed import is_packed
from workers.ledger.pauses import MOST_REASON
from workers.ledger.reader import LedgerReader
from workers.ledger.scripts import Script
from workers.ledger.small_writes import write

REPLAY, DROP = Script("replay", "results", "history", when_full=True), Script("drop", when_full=True)
UNPACK = Script("unpack", when_full=True)

#: Milliseconds for which it is remembered that a dropped job was tried: as long as markers are kept by default.
TRIED_MS = 90 * DAY_MS


class LedgerAdmin(LedgerReader):
    """Reads and mends what the ledger holds; raises ServiceAway("redis") like the ledger itself.

    What it changes is recorded in `audit`; without one, as done by the user of this process.
    """

    def __init__(self, redis: RedisClient, audit: Auditor | None = None) -> None:
        super().__init__(redis)
        self.audit = audit or Audit(redis)

    def replay(
        self,
        job_ids: Sequence[str],
        *,
        note: dict[str, Any],
        body: bytes = b"",
        bodies: Mapping[str, bytes] = MappingProxyType({}),
        **detail: str,
    ) -> list[str]:
        """Open dead, refused or done jobs again, with a new compressed `body` if one is given; return their ids.

        `bodies` are those that a program corrected, by the job's id; `detail` is what the audit trail says of it.
        """
        arguments: list[Any] = [keys.PREFIX, msgspec.json.encode(note)]
        self._restore(job_ids)
        for job_id in job_ids:
            arguments += (job_id, bodies.get(job_id, body))
        opened = [job_id.decode() for job_id in run(self.redis, REPLAY, [keys.DEAD, keys.DONE], arguments)]
        if opened:
            self.audit.record("edit" if body else "replay", named(opened), jobs=len(opened), **detail)
        return opened

    def _restore(self, job_ids: Sequence[str]) -> None:
        """Give those of some jobs that are packed their record and their progress back."""
        pipe = self.redis.pipeline()
        beginnings = {job_id: pipe.getrange(keys.job(job_id), 0, 0) for job_id in job_ids}
        pipe.execute()
        for job_id in (job_id for job_id, beginning in beginnings.items() if is_packed(beginning.value)):
            packed = self.redis.get(keys.job(job_id))
            if packed and (unpacked := self.dictionaries.unpack(packed)):
                record, progress = unpacked
                facts = [fact for field in progress.items() for fact in field]
                run(self.redis, UNPACK, [], [keys.PREFIX, job_id, packed, record, *facts])

    def drop(self, job_ids: Sequence[str]) -> int:
        """Forget dead jobs for good; return how many there were. What is no longer dead stays."""
        count = int(run(self.redis, DROP, [keys.DEAD], [keys.PREFIX, TRIED_MS, *job_ids]))
        if count:
            self.audit.record("drop", named(job_ids), jobs=count)
        return count

    def pause(self, queue: str, *, reason: str = "", workers: Sequence[str] = ()) -> None:
        """Let no worker claim from `queue` until it is resumed; remember the `workers` that stop consuming it.

        Those who wait are told the `reason` and by whom; of a queue that is paused already, since when stays.
        """
        since = self.redis.hget(keys.pause(queue), "since") or now_ms(self.redis)
        why = ("since", since, "reason", reason[:MOST_REASON], "by", self.audit.actor.name)
        stopped = [("SADD", keys.paused_workers(queue), *workers)] if workers else []
        is_new, *_ = write(
            self.redis, ("SADD", keys.PAUSED, queue), ("HSET", keys.pause(queue), *why), *stopped
        )
        if is_new:
            self.audit.record("pause", queue, reason=reason)

    def resume(self, queue: str) -> list[str]:
        """Let workers claim from `queue` again, and judge anew how many of its jobs die.

        Returns the workers that stopped consuming it when it was paused.
        """
        of_queue = (keys.pause(queue), keys.paused_workers(queue), keys.suspended(queue), keys.recent(queue))
        workers, _, was_paused = write(
            self.redis,
            ("SMEMBERS", keys.paused_workers(queue)),
            ("DEL", *of_queue),
            ("SREM", keys.PAUSED, queue),
        )
        if was_paused:
            self.audit.record("resume", queue)
        return sorted(name.decode() for name in workers)
