"""The queue upkeep: once a second, ring for what is due, whoever forgot it."""

from __future__ import annotations

from functools import cache

import structlog

from workers.app import app
from workers.errors import ConfigError
from workers.jobs import QUEUES
from workers.runtime import runtime
from workers.sync.schedule import start_if_due
from workers.sync.setup import tell_setup

log = structlog.get_logger(__name__)


# Silent, or its ticks would drown the jobs in Flower.
@app.task(name="upkeep.work", send_events=False)
def work() -> None:
    """Ring for every queue that has ready jobs, forget the done jobs that have expired, and leave a sign of life."""
    ledger, settings = runtime().ledger, runtime().settings
    for queue in QUEUES:
        ledger.ring(queue)
    ledger.look_after()
    tell_setup(ledger.redis, settings)
    try:
        start_if_due(ledger, settings)
    except ConfigError as error:
        _say_once(str(error))


@cache
def _say_once(reason: str) -> None:
    """Log why no sync is scheduled: a process reads its settings once, so the next second brings nothing new."""
    log.error("no sync is scheduled", reason=reason)
