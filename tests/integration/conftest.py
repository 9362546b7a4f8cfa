"""What tests with a real Redis share: a worker of the queue events in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from tests.drain_stage import Work
from workers.drain import Consumer, Handle, drain
from workers.leases import Leases
from workers.ledger import keys
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger


@pytest.fixture
def work(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Work:
    # How much is done for one bell must not depend on how fast this machine is.
    monkeypatch.setattr("workers.drain.BELL_S", 600.0)

    def with_handle(handle: Handle) -> int:
        return drain(Consumer("events", handle, 100), ledger, Leases(ledger))

    return with_handle


@pytest.fixture
def pass_time(redis: Redis, desk: Desk) -> Callable[[], None]:
    """Lets the waits of every job and of the breaker be over."""

    def over() -> None:
        redis.delete(keys.away("threatq"))
        for job_id in desk.ids("accepted"):
            redis.zadd(keys.due("events"), {job_id: 0})

    return over
