"""Erasure: whatever the ledger holds that mentions a person or a value is mentioned, and forgotten with an account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct, structs

from workers.core.errors import InputError
from workers.core.jobs import QUEUES
from workers.indicators.refang import refang
from workers.ledger import keys, sync_keys
from workers.ledger.acts import Auditor
from workers.ledger.admin import DROP, TRIED_MS
from workers.ledger.audit import as_line, entries
from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.dictionaries import Dictionaries
from workers.ledger.quarantine import Quarantine
from workers.ledger.reader import PAGE
from workers.ledger.records import Head
from workers.ledger.retention import Retention
from workers.ledger.small_writes import write
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes

#: What stands in the place of the name of a group that was erased, and the fields that may hold one.
ERASED, _NAMES = "[erased]", ("label", "source")

#: Characters of the shortest value that can be erased; a shorter one stands in too much by chance.
SHORTEST = 4


class Mentions(Struct, frozen=True):
    """What mentions a value: ids of jobs by the key that lists them, of quarantined items and audit entries.

    `samples` are pending deletes that show it, `groups` groups of firings that do; `dictionaries` are texts that done
    jobs are packed against, which go when these jobs do; `scanned` is how many jobs were looked at.
    """

    jobs: dict[str, list[str]]
    quarantined: list[str]
    audit: list[str]
    samples: list[PendingDelete]
    groups: list[str]
    dictionaries: int
    scanned: int

    def count(self, *names: str) -> int:
        """Return how many of the jobs are listed under these keys."""
        return sum(len(self.jobs.get(name, ())) for name in names)


def mentions(text: str, value: str) -> bool:
    """Tell whether a text has a value, whatever the case and however defanged, and not within a longer word."""
    text, start = refang(text).casefold(), -1
    while (start := text.find(value, start + 1)) >= 0:
        before, after = text[start - 1 : start], text[start + len(value) : start + len(value) + 1]
        if not before.isalnum() and not after.isalnum():
            return True
    return False


def plain(value: str) -> str:
    """Return a value as it is looked for; raises InputError for one that is too short."""
    value = refang(value).casefold().strip()
    if len(value) < SHORTEST:
        raise InputError(
            f"give at least {SHORTEST} characters; less stands in too much by chance", field="VALUE"
        )
    return value


class Erasure:
    """Finds and forgets what mentions `value`, which is `plain`; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient, value: str) -> None:
        self._redis, self._value = redis, value
        self._dictionaries = Dictionaries(redis)

    def find(self) -> Mentions:
        """Look at all that there is, by the page."""
        jobs: dict[str, list[str]] = {}
        scanned = 0
        for key in (*map(keys.due, QUEUES), keys.DEAD, keys.REFUSED_JOBS, keys.DONE):
            for page in self._pages(key):
                scanned += len(page)
                jobs.setdefault(key, []).extend(self._among(page))
        quarantine = Quarantine(self._redis)
        items = (quarantine.item(item_id) for page in self._pages(keys.QUARANTINE) for item_id in page)
        words = (self._dictionaries.words(use.name) or b"" for use in self._dictionaries.uses())
        return Mentions(
            jobs=jobs,
            quarantined=[item.id for item in items if item and self._has(item.raw, item.reason, item.source)],
            audit=[each.id for each in entries(self._redis) if self._has(repr(as_line(each)))],
            samples=[each for each in PendingDeletes(self._redis).every() if self._has(*each.samples)],
            groups=[
                group_id for page in self._pages(keys.GROUPS) for group_id in page if self._is_in(group_id)
            ],
            dictionaries=sum(self._has(text) for text in words),
            scanned=scanned,
        )

    def erase(self, mentioned: Mentions, retention: Retention, audit: Auditor) -> None:
        """Forget all of it; of done jobs a marker without content stays, so that a repeat makes no second event."""
        for key, ids in mentioned.jobs.items():
            for step in _steps(ids):
                if key == keys.DONE:
                    retention.retire_jobs(step)
                else:
                    run(self._redis, DROP, [key], [keys.PREFIX, TRIED_MS, *step])
        Quarantine(self._redis).forget(mentioned.quarantined)
        for pending in mentioned.samples:
            samples = tuple(sample for sample in pending.samples if not self._has(sample))
            text = msgspec.json.encode(structs.replace(pending, samples=samples))
            write(self._redis, ("HSET", sync_keys.PENDING, pending.id, text))
        for group_id in mentioned.groups:
            self._erase_group(group_id)
        for step in _steps(mentioned.audit):
            write(self._redis, ("XDEL", keys.AUDIT, *step))
        jobs = mentioned.count(*mentioned.jobs)
        audit.record(
            "erase", jobs=jobs, quarantined=len(mentioned.quarantined), audit_entries=len(mentioned.audit)
        )

    def _is_in(self, group_id: str) -> bool:
        facts = self._redis.hmget(keys.grouped(group_id), *_NAMES)
        return self._has(*filter(None, facts), *self._redis.hgetall(keys.grouped_values(group_id)))

    def _erase_group(self, group_id: str) -> None:
        """Forget the values of a group that say it, and what the group is called; its count and its event stay."""
        key, values = keys.grouped(group_id), keys.grouped_values(group_id)
        if named := [value for value in self._redis.hgetall(values) if self._has(value)]:
            write(self._redis, ("HDEL", values, *named))
        for name, text in zip(_NAMES, self._redis.hmget(key, *_NAMES), strict=True):
            if text and self._has(text):
                write(self._redis, ("HSET", key, name, ERASED))

    def _pages(self, key: str) -> Iterator[list[str]]:
        start = 0
        while page := self._redis.zrange(key, start, start + PAGE - 1):
            yield [name.decode() for name in page]
            start += len(page)

    def _among(self, ids: Sequence[str]) -> Iterator[str]:
        """Yield those of some jobs that say the value in title, arguments, sender or history."""
        pipe = self._redis.pipeline()
        replies = [
            (job_id, pipe.get(keys.job(job_id)), pipe.hgetall(keys.progress(job_id))) for job_id in ids
        ]
        pipe.execute()
        for job_id, text, progress in replies:
            record, fields = self._dictionaries.read(job_id, text.value or b"", progress.value)
            if record:
                head = Head.read(record)
                arguments = json.dumps(head.arguments, ensure_ascii=False)
                if self._has(head.title, head.sender, arguments, fields.get(b"history", b"")):
                    yield job_id

    def _has(self, *texts: str | bytes) -> bool:
        return any(
            mentions(text.decode(errors="replace") if isinstance(text, bytes) else text, self._value)
            for text in texts
        )


def _steps(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]
