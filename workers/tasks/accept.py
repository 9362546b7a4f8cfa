"""`jobs.accept`: the door for whoever speaks Celery already and needs nothing of ours."""

from __future__ import annotations

from typing import Any

import msgspec
from celery import Task

from workers.app import app
from workers.called import TASK, accept_call
from workers.errors import ServiceAway
from workers.intake import from_settings
from workers.ledger.opening import open_ledger
from workers.ledger.quarantine import Quarantine
from workers.runtime import runtime

#: Open jobs above which this door would refuse. Its messages lie in Redis as it is; in the ledger they are safe
#: and take less room.
_NO_LIMIT = 2**31

#: Seconds after which a message is tried again when Redis is full.
_AGAIN_S = 5


@app.task(name=TASK, bind=True, acks_late=True, max_retries=None)
def accept(self: Task, *positional: Any, **call: Any) -> list[str]:
    """Accept a job; return the ids, which Flower shows."""
    here = runtime()
    if positional:
        call = {"positional": list(positional), **call}
    try:
        return accept_call(
            call,
            intake=from_settings(here.settings, "celery"),
            ledger=open_ledger(here.redis, msgspec.structs.replace(here.settings, max_open_jobs=_NO_LIMIT)),
            quarantine=Quarantine(here.redis, most=here.settings.max_quarantined),
        )
    except ServiceAway as error:
        raise self.retry(exc=error, countdown=_AGAIN_S) from error
