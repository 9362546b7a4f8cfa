"""The ledger: accept, claim, renew, settle, wake. What it says is owed is done."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from random import SystemRandom
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.hashing import sha256_hex
from workers.core.jobs import KINDS, Job, shows
from workers.ledger import keys
from workers.ledger.accept import (
    MOST_MEMORY_PERCENT,
    NO_REPLICAS,
    Acceptance,
    Accepted,
    Replicas,
)
from workers.ledger.breakers import NEEDS
from workers.ledger.client import RedisClient
from workers.ledger.connection import follow, now_ms, run
from workers.ledger.known_jobs import KnownJob, known_jobs_flow
from workers.ledger.quarantine import set_aside
from workers.ledger.records import MALFORMED, RECHECK_S, Claim, GroupJoin, Settlement, released
from workers.ledger.retention import Retention
from workers.ledger.scripts import Script
from workers.ledger.sealing import opened, sealed, use_keys
from workers.ledger.small_writes import write
from workers.ledger.wake_up import MOST_WAKE_UPS, WAKE_UP_ID, wake_up
from workers.settings.model import Settings

try:
    from isal.isal_zlib import compress as _compress

    #: Intel's library writes the same format in a third of the time. Its quickest level: a third of the time of its
    #: next one, whose buffer empties the processor's cache, and one fifth larger on the guide's payload.
    _LEVEL = 0
except ImportError:
    # Not a wheel for every platform; the standard library writes the same format.
    from zlib import compress as _compress

    from workers.ledger.accept import COMPRESSION as _LEVEL

CLAIM, WAKE = (
    Script("claim", "results", "history", "arrivals", when_full=True),
    Script("wake", "arrivals", when_full=True),
)
SETTLE = Script("settle", "results", "history", "groups", when_full=True)
RENEW, AWAY = (Script(name, when_full=True) for name in ("renew", "away"))

#: Longest lease in ms of a job for which an analyst waits. Others have a longer one, so that a machine that stands
#: still for a while keeps its work.
PROMPT_LEASE_MS = 6_000

#: Workers that a job may take down with it before it is dead.
MOST_LOST = 3

#: Seconds that a job waits before the try that may cost its last worker: longer than most crash loops and rolling
#: restarts.
LAST_CHANCE_AFTER_S = 60.0

#: Times that a service may fail on a job alone while it takes others: after about four minutes at the earliest, as the
#: waits between them grow, the job is dead.
MOST_SOLO_FAILURES = 10

#: What a job shows that only joined a group of firings.
JOINED = "joined"

#: Seconds for which it is said that jobs need a newer worker: longer than until they are looked at again.
NEEDS_NEWER_S = int(3 * RECHECK_S)

#: Jobs that one wake-up is expected to bring to an end.
JOBS_A_WAKE_UP = 100

#: First and longest wait in ms after a service was found away.
FIRST_WAIT_MS, LONGEST_WAIT_MS = 500, 60_000


class RoundEnd(Struct, frozen=True):
    """Those of a round's settlements that were no longer ours, and whether jobs of the queue are due by now."""

    stale: list[Settlement]
    more_is_due: bool


class Ledger:
    """The durable record of every job in one Redis.

    Every method raises ServiceAway("redis") when Redis cannot be reached or refuses to write. With `by_function` it
    accepts through Redis' function, with its scripts only where there is none: for a user who may do nothing else.
    """

    def __init__(
        self,
        redis: RedisClient,
        *,
        lease_s: float = 60.0,
        keep_bodies_s: float = 172_800.0,
        keep_markers_days: float = 90.0,
        most_open: int = 100_000,
        most_memory_percent: float = MOST_MEMORY_PERCENT,
        last_chance_after_s: float = LAST_CHANCE_AFTER_S,
        wary_s: float = 120.0,
        most_retry_after_s: float = 900.0,
        relief_jobs: int = 0,
        replicas: Replicas = NO_REPLICAS,
        by_function: bool = False,
    ) -> None:
        self.redis = redis
        self.lease_ms = int(lease_s * 1000)
        self.retention = Retention(redis, keep_bodies_s=keep_bodies_s, keep_markers_days=keep_markers_days)
        self.acceptance = Acceptance(
            most_open=most_open,
            most_memory_percent=most_memory_percent,
            relief_jobs=relief_jobs,
            replicas=replicas,
            compress=compress,
            by_function=by_function,
        )
        self.last_chance_after_ms = int(last_chance_after_s * 1000)
        self.wary_ms = int(wary_s * 1000)
        self.most_retry_after_s = most_retry_after_s

    def accept(self, jobs: Sequence[Job], *, apart: bool = False) -> list[Accepted]:
        """Write jobs into the ledger and wake workers; the answers are in the order of `jobs`.

        Jobs of one queue are accepted all or none, but for those of a sender that is slowed down: SlowedDown is raised
        for them, or with `apart` told in their answers. Raises Busy when their queue holds too many open jobs, or
        Redis too much of its memory; BatchTooLarge for more than it may ever hold; ServiceAway when too few
        replicas confirm.
        """
        return follow(self.redis, self.acceptance.flow(jobs, apart=apart)) if jobs else []

    def known(self, repeats: Sequence[Accepted]) -> list[KnownJob]:
        """Return how the jobs stand that `repeats` name, answers for what was accepted before, in their order."""
        return follow(self.redis, known_jobs_flow(repeats))

    def claim(self, queue: str, most: int) -> list[Claim]:
        """Claim up to `most` ready jobs of `queue`, oldest first; a job under suspicion comes alone.

        A record that is malformed goes to the quarantine.
        """
        token = os.urandom(8).hex()
        rows = self._run(
            CLAIM,
            [keys.due(queue), keys.PAUSED, keys.DEAD, keys.COUNTS, *self._breakers(queue)],
            [
                keys.PREFIX,
                queue,
                most,
                self._first_lease_ms(queue),
                token,
                MOST_LOST,
                self.last_chance_after_ms,
                self.wary_ms,
            ],
        )
        claims = [Claim.from_row(row, queue, token) for row in rows]
        malformed = [claim for claim in claims if claim.kind == MALFORMED]
        if not malformed:
            return claims
        # Given back first: one of them may have been the probe of a service that was away.
        self.settle([released(claim, self.lease_ms / 1000) for claim in malformed])
        set_aside(self.redis, malformed)
        return [claim for claim in claims if claim.kind != MALFORMED] or self.claim(queue, most)

    def _first_lease_ms(self, queue: str) -> int:
        """Return for how long jobs of `queue` are claimed at first, when their kinds are not known yet."""
        leases = (self.lease_ms_of(kind.name) for kind in KINDS.values() if kind.queue == queue)
        return max(leases, default=self.lease_ms)

    def lease_ms_of(self, kind: str) -> int:
        """Return for how long a job of `kind` is claimed; short where an analyst waits for it."""
        is_prompt = kind in KINDS and KINDS[kind].is_prompt
        return min(self.lease_ms, PROMPT_LEASE_MS) if is_prompt else self.lease_ms

    def renew(self, claims: Sequence[Claim]) -> set[str]:
        """Extend the leases of `claims`, which share a token; return the ids that another worker has now."""
        return self._renew(claims, life="")

    def prove(self, claims: Sequence[Claim]) -> set[str]:
        """Extend leases like `renew`; claims of an earlier life of Redis prove nothing and are returned as lost."""
        return self._renew(claims, life=claims[0].life)

    def _renew(self, claims: Sequence[Claim], *, life: str) -> set[str]:
        first = claims[0]
        lost = self._run(
            RENEW,
            [keys.due(first.queue)],
            [keys.PREFIX, first.token, self.lease_ms_of(first.kind), life, *(claim.id for claim in claims)],
        )
        return {job_id.decode() for job_id in lost}

    def settle(
        self, settlements: Sequence[Settlement], *, answered: Collection[str] = ()
    ) -> list[Settlement]:
        """Settle like `end_round`; return those that were no longer ours to settle."""
        return self.end_round(settlements, answered=answered).stale

    def end_round(self, settlements: Sequence[Settlement], *, answered: Collection[str] = ()) -> RoundEnd:
        """Write down what became of jobs that were claimed together, and look whether others are ready by then.

        The settlements share one claim's token. `answered` names the services that answered meanwhile, and the queue
        where its jobs can be done as things are set. Where the claim was the probe of one that was away, that one's
        breaker closes; of one that did not answer, the next job is the probe.
        """
        if not settlements:
            return RoundEnd([], more_is_due=True)
        first = settlements[0].claim
        needed = (*NEEDS[first.queue], first.queue)
        heard = [name for name in needed if name in answered]
        silent = [name for name in needed if name not in answered]
        arguments: list[Any] = [keys.PREFIX, first.queue, first.token, len(heard)]
        for settlement in settlements:
            arguments += (
                settlement.claim.id,
                f"{settlement.claim.kind}:{settlement.claim.producer} {settlement.claim.sender}".rstrip(),
                _sign(settlement),
                settlement.state,
                int(settlement.delay_s * 1000),
                _encode(settlement.entry),
                settlement.claim.accepted_ms,
                msgspec.json.encode(settlement.group) if settlement.group else "",
            )
        breakers = map(keys.away, heard + silent)
        *answers, is_due = self._run(
            SETTLE,
            [keys.due(first.queue), keys.DONE, keys.DEAD, keys.COUNTS, keys.PAUSED, *breakers],
            arguments,
        )
        stale = [s for s, ours in zip(settlements, answers, strict=True) if not ours]
        return RoundEnd(stale, bool(is_due))

    def tell_newer(self, queue: str, reason: str) -> None:
        """Say for a while why jobs of `queue` wait for a newer worker."""
        self.redis.set(keys.needs_newer(queue), reason, ex=NEEDS_NEWER_S)

    def is_suspended(self, queue: str) -> bool:
        """Tell whether the ledger has paused `queue` by itself, because nearly all of its jobs died."""
        return bool(self.redis.exists(keys.suspended(queue)))

    def service_away(
        self, service: str, reason: str, *, after: float | None = None, token: str = ""
    ) -> float:
        """Open the breaker of `service`; return for how many seconds what was claimed with `token` waits.

        `after` are the seconds that the service asks for: at most `max_retry_after_s` are granted, and what is no
        length of time counts as not said.
        """
        spread = 0.8 + 0.4 * SystemRandom().random()
        asked_ms = -1
        # Not so for a number that is none (nan).
        if after is not None and after >= 0:
            asked_ms = int(min(after, self.most_retry_after_s) * 1000)
        wait_ms = self._run(
            AWAY, [keys.away(service)], [FIRST_WAIT_MS, LONGEST_WAIT_MS, spread, asked_ms, reason, token]
        )
        return int(wait_ms) / 1000

    def block(self, queue: str, reason: str, *, kind: str = "", token: str = "") -> None:
        """Let all jobs of a queue wait, or those of one kind, but for one each `RECHECK_S` seconds.

        `token` is that of the claim that found that they cannot be done as things are set.
        """
        wait_ms = int(RECHECK_S * 1000)
        self._run(AWAY, [keys.away(queue)], [wait_ms, wait_ms, 1, -1, reason, token, kind])

    def wake(self, queue: str) -> int:
        """Wake `queue` if it has ready jobs that no wake-up announces; return how many wake-ups were sent."""
        return int(
            self._run(
                WAKE,
                [keys.due(queue), keys.wake_ups(queue), keys.PAUSED, *self._breakers(queue)],
                [queue, MOST_WAKE_UPS, JOBS_A_WAKE_UP, wake_up(queue), keys.PREFIX],
            )
        )

    def is_awaited(self, queue: str) -> bool:
        """Tell whether work on a job of `queue` gives way: others are ready, or the queue is paused."""
        pipe = self.redis.pipeline()
        ready = pipe.zcount(keys.due(queue), "-inf", now_ms(self.redis))
        paused = pipe.sismember(keys.PAUSED, queue)
        pipe.execute()
        return bool(ready.value or paused.value)

    def wake_helpers(self, queue: str, workers: int) -> None:
        """Wake workers who can help with a job that one of them has, unless many wake-ups wait."""
        missing = min(workers, MOST_WAKE_UPS - self.redis.llen(keys.wake_ups(queue)))
        if missing > 0:
            messages = [
                wake_up(queue).replace(WAKE_UP_ID, f"help-{os.urandom(8).hex()}") for _ in range(missing)
            ]
            self.redis.lpush(keys.wake_ups(queue), *messages)

    def wake_ups(self, queue: str) -> int:
        """Return how many wake-ups of `queue` no worker has taken yet."""
        return self.redis.llen(keys.wake_ups(queue))

    def look_after(self) -> None:
        """Forget a share of what has been kept long enough, and leave a sign of life."""
        now = now_ms(self.redis)
        self.retention.step(now)
        write(self.redis, ("SET", keys.UPKEEP, now))

    def _breakers(self, queue: str) -> list[str]:
        return [keys.away(name) for name in (*NEEDS[queue], queue)]

    def _run(self, script: Script, names: Sequence[str | bytes], arguments: Sequence[Any]) -> Any:
        return run(self.redis, script, names, arguments)


def _sign(settlement: Settlement) -> str:
    """Return what a job shows when it is done; of a dead one, by what its content is told from others."""
    claim = settlement.claim
    if isinstance(settlement.group, GroupJoin) and not settlement.group.event:
        # No service was called for it.
        return JOINED
    return sha256_hex(opened(claim.body))[:8] if settlement.state == "dead" else shows(claim.kind)


def _encode(entry: dict[str, Any]) -> bytes:
    """Write what is noted of a job; whatever stands in it, a job must never fail to be settled."""
    try:
        return msgspec.json.encode(entry)
    except UnicodeEncodeError:
        # Lone surrogates, of an argument that is no UTF-8.
        return json.dumps(entry, ensure_ascii=False).encode(errors="replace")


def open_ledger(
    redis: RedisClient, settings: Settings, *, relief_jobs: int = 0, by_function: bool = False
) -> Ledger:
    """Return the ledger that lies in `redis`, with the limits, times and keys of `settings`; nothing is called yet."""
    use_keys(settings.encryption_keys_file)
    return Ledger(
        redis,
        lease_s=settings.lease_s,
        keep_bodies_s=settings.keep_bodies_s,
        keep_markers_days=settings.keep_markers_days,
        wary_s=settings.look_up_after_restart_s,
        most_retry_after_s=settings.max_retry_after_s,
        most_open=settings.max_open_jobs,
        most_memory_percent=settings.memory_percent,
        relief_jobs=relief_jobs,
        by_function=by_function,
        replicas=Replicas(settings.accept_replicas, settings.accept_wait_ms),
    )


def compress(data: bytes) -> bytes:
    """Return `data` compressed, and encrypted where this process has a key for that."""
    return sealed(bytes(_compress(data, _LEVEL)))
