"""The plans of runs in Redis: what a run was about, also after it has ended."""

from __future__ import annotations

from typing import cast

import msgspec
from redis import Redis

from workers.ledger import keys
from workers.ledger.connection import answering
from workers.ledger.sync_runs import KEEP_S
from workers.listsync.plan.plan import SyncPlan


def keep_plan(redis: Redis, job_id: str, plan: SyncPlan) -> None:
    """Remember a run's plan: the counts and samples; the entries stay in files and go with them."""
    with answering():
        redis.set(keys.sync_plan(job_id), msgspec.json.encode(plan), ex=KEEP_S)


def plan_of(redis: Redis, job_id: str) -> SyncPlan | None:
    """Return a run's plan, or None."""
    with answering():
        text = cast("bytes | None", redis.get(keys.sync_plan(job_id)))
    return msgspec.json.decode(text, type=SyncPlan) if text else None
