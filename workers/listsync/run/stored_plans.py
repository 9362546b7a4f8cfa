"""The plans of runs in Redis: what a run was about, also after it has ended."""

from __future__ import annotations

import msgspec

from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.ledger.sync_runs import KEEP_S
from workers.listsync.plan.plan import SyncPlan


def keep_plan(redis: RedisClient, job_id: str, plan: SyncPlan) -> None:
    """Remember a run's plan: the counts and samples; the entries stay in files and go with them."""
    redis.set(sync_keys.plan(job_id), msgspec.json.encode(plan), ex=KEEP_S)


def plan_of(redis: RedisClient, job_id: str) -> SyncPlan | None:
    """Return a run's plan, or None."""
    text = redis.get(sync_keys.plan(job_id))
    return msgspec.json.decode(text, type=SyncPlan) if text else None
