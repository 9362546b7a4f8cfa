"""A worker's sign of life: given with each heartbeat of Celery's, so that a worker whose loop hangs gives none."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version

import structlog

from workers.core.errors import ServiceAway
from workers.ledger.connection import connect
from workers.ledger.records import Claim
from workers.ledger.signs import MOST_JOBS, JobInHand, Sign, give_end, give_sign

log = structlog.get_logger(__name__)

#: Seconds that Redis gets to take a sign: the loop that gives it takes wake-ups too.
WITHIN_S = 1.0

#: What a process has in hand: each claim, and for how many seconds.
InHand = Callable[[], Sequence[tuple[Claim, float]]]


class SignOfLife:
    """Tells of one process; a sign that Redis does not take is lost, and the next one tells the same."""

    def __init__(self, redis_url: str, in_hand: InHand) -> None:
        self._redis = connect(redis_url, answer_timeout_s=WITHIN_S, retries=0)
        self._in_hand = in_hand
        self._instance = os.urandom(4).hex()
        self._version = version("tq-workers")
        self._began = time.monotonic()

    def give(self, name: str, queues: Iterable[str], threads: int) -> None:
        """Say that the worker `name` lives, consumes `queues` and does `threads` things at once."""
        claims = self._in_hand()
        oldest = sorted(claims, key=lambda pair: -pair[1])[:MOST_JOBS]
        sign = Sign(
            name=name,
            instance=self._instance,
            queues=sorted(queues),
            threads=threads,
            version=self._version,
            pid=os.getpid(),
            up_s=round(time.monotonic() - self._began, 1),
            in_hand=dict(Counter(claim.queue for claim, _ in claims)),
            jobs=[JobInHand(claim.id, claim.kind, claim.queue, round(age_s, 1)) for claim, age_s in oldest],
        )
        self._note(give_sign, sign)

    def end(self, name: str) -> None:
        """Say that the worker has ended."""
        self._note(give_end, Sign(name, self._instance))

    def _note(self, note: Callable[..., None], sign: Sign) -> None:
        try:
            note(self._redis, sign)
        except ServiceAway as error:
            log.debug("no sign of life given", reason=str(error))
