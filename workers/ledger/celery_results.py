"""What Celery clients wait for: the outcome of the job that their message became, under the message's id.

It is written by the very scripts that write a job's state, in the form of Celery's own Redis backend, so that a client
needs nothing of ours and no result is lost between the two.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from workers.core.results import Failure
from workers.ledger import keys
from workers.ledger.accept import Accepted
from workers.ledger.client import RedisClient
from workers.ledger.connection import follow, run
from workers.ledger.known_jobs import known_jobs_flow
from workers.ledger.scripts import Script

AWAIT = Script("await", "results", when_full=True)

#: Ids that a result may have; Celery's own are UUIDs.
_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)

#: Results that are told of one job; one that is sent more often is asked for by its own id.
MOST_AWAITING = 1_000


class CeleryResults:
    """The results of messages; an id that Celery would not make has none. Each method raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def await_job(self, result_id: str, job: Accepted) -> None:
        """Tell a result what becomes of a job, and what became of it so far."""
        if not _ID.fullmatch(result_id):
            return
        if job.state or self._run(result_id, job.id, MOST_AWAITING) == b"packed":
            (known,) = follow(self._redis, known_jobs_flow([job]))
            self._tell(result_id, known.state, known.note)

    def succeeded(self, result_id: str, value: Any) -> None:
        """Tell a result that its message came to `value`."""
        self._tell(result_id, "done", value)

    def failed(self, result_id: str, failure: Failure) -> None:
        """Tell a result why its message came to nothing."""
        self._tell(result_id, "dead", failure)

    def read(self, result_id: str) -> dict[str, Any] | None:
        """Return what is stored of a result, None where nothing is."""
        text = self._redis.get(keys.celery_result(result_id))
        stored: dict[str, Any] | None = msgspec.json.decode(text) if text else None
        return stored

    def _tell(self, result_id: str, state: str, note: Any) -> None:
        if _ID.fullmatch(result_id):
            self._run(result_id, "", 0, state, msgspec.json.encode(note))

    def _run(self, *arguments: str | int | bytes) -> Any:
        return run(self._redis, AWAIT, [], [keys.PREFIX, *arguments])
