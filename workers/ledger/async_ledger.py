"""The ledger for a producer that serves many requests at once: those that come during a call share the next one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from redis.asyncio import Redis

from workers.core.errors import SlowedDown
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.accept import NO_REPLICAS, Acceptance, Accepted, Replicas, check_slowed
from workers.ledger.connection import follow_async, send_async
from workers.ledger.known_jobs import KnownJob, known_jobs_flow
from workers.ledger.ledger import compress
from workers.ledger.quarantine import QuarantineLimits, Unreadable, keep_flow

#: Calls under way at a time for a queue: with one alone, producer and Redis would take turns in idling.
MOST_CALLS = 2

#: Jobs above which one call takes no further request; a call holds Redis for about 10 us a job.
MOST_JOBS_A_CALL = 200


class _Waiting:
    """One request's jobs and where their answers go."""

    __slots__ = ("answers", "jobs")

    def __init__(self, jobs: Sequence[Job], answers: asyncio.Future[list[Accepted]]) -> None:
        self.jobs = jobs
        self.answers = answers


class AsyncLedger:
    """Accepts jobs; every method raises ServiceAway("redis") when Redis cannot be reached or refuses to write."""

    def __init__(
        self,
        redis: Redis,
        *,
        most_open: int,
        most_memory_percent: float,
        quarantine: QuarantineLimits,
        keep_s: float,
        replicas: Replicas = NO_REPLICAS,
    ) -> None:
        self.redis = redis
        self.acceptance = Acceptance(
            most_open=most_open,
            most_memory_percent=most_memory_percent,
            replicas=replicas,
            compress=compress,
        )
        self.quarantine = quarantine
        self.keep_s = int(keep_s)
        self._waiting: dict[str, list[_Waiting]] = defaultdict(list)
        self._calls: dict[str, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, jobs: Sequence[Job]) -> list[Accepted]:
        """Write jobs of one queue into the ledger, all or none; raises Busy while there is no room for them.

        Raises BatchTooLarge where there never is, SlowedDown while nothing is accepted from their sender.
        """
        if not jobs:
            return []
        queue = jobs[0].kind.queue
        waiting = _Waiting(jobs, asyncio.get_running_loop().create_future())
        self._waiting[queue].append(waiting)
        if self._calls[queue] < MOST_CALLS:
            self._calls[queue] += 1
            task = asyncio.create_task(self._call_for(queue))
            self._tasks.add(task)  # the loop alone would let go of it
            task.add_done_callback(self._tasks.discard)
        return await waiting.answers

    async def accept_whole(self, jobs: Sequence[Job]) -> list[Accepted]:
        """Write jobs like `accept`; where one's key was used before, that one is the answer, and none is written."""
        return await follow_async(self.redis, self.acceptance.flow(jobs, atomic=True)) if jobs else []

    async def known(self, repeats: Sequence[Accepted]) -> list[KnownJob]:
        """Return how the jobs stand that `repeats` name, answers for what was accepted before, in their order."""
        return await follow_async(self.redis, known_jobs_flow(repeats))

    async def keep(self, items: Sequence[Unreadable]) -> list[str]:
        """Keep what could not be read; raises Busy when the quarantine has no room."""
        if not items:
            return []
        return await follow_async(self.redis, keep_flow(items, self.quarantine))

    async def note_batch(self, batch_id: str, job_ids: Sequence[str], *, refused: Sequence[str] = ()) -> None:
        """Remember which jobs one request had, and under which ids what was refused of it is in the quarantine."""
        words = [*job_ids, *(f"{keys.REFUSED}{item_id}" for item_id in refused)]
        await send_async(self.redis, [("SET", keys.batch(batch_id), " ".join(words), "EX", self.keep_s)])

    async def check_room(self) -> None:
        """Raise what accepting an event would raise now."""
        await follow_async(self.redis, self.acceptance.flow(()))

    async def close(self) -> None:
        """Close the connections."""
        await self.redis.aclose()

    async def _call_for(self, queue: str) -> None:
        try:
            while self._waiting[queue]:
                await self._call(self._take(queue))
        finally:
            # Counted down in the step that found nothing to do: a done callback runs a turn of the loop later, and
            # a request that comes in between would wait for a call that does not take it any more.
            self._calls[queue] -= 1

    def _take(self, queue: str) -> list[_Waiting]:
        waiting = self._waiting[queue]
        count = jobs = 0
        # Requests that fit alone must not be refused together.
        most = min(MOST_JOBS_A_CALL, self.acceptance.most_open)
        while count < len(waiting) and (not count or jobs + len(waiting[count].jobs) <= most):
            jobs += len(waiting[count].jobs)
            count += 1
        self._waiting[queue] = waiting[count:]
        return waiting[:count]

    async def _call(self, taken: list[_Waiting]) -> None:
        jobs = [job for waiting in taken for job in waiting.jobs]
        try:
            answer = await follow_async(self.redis, self.acceptance.flow(jobs, apart=True))
        except Exception as error:
            # The edge of this task: each request that waits must get an answer.
            for waiting in taken:
                if not waiting.answers.done():
                    waiting.answers.set_exception(error)
            return
        start = 0
        for waiting in taken:
            end = start + len(waiting.jobs)
            if not waiting.answers.done():
                _give(waiting, answer[start:end])
            start = end


def _give(waiting: _Waiting, answers: list[Accepted]) -> None:
    """Give a request its answers, or the error that its sender alone gets."""
    try:
        check_slowed(answers)
    except SlowedDown as error:
        waiting.answers.set_exception(error)
    else:
        waiting.answers.set_result(answers)
