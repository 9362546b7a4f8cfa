"""Runs of the list sync that are to end where they stand, each with who wants that."""

from __future__ import annotations

from workers.ledger import sync_keys
from workers.ledger.acts import Auditor
from workers.ledger.breakers import ask_now
from workers.ledger.client import RedisClient
from workers.ledger.sync_runs import KEEP_S


def cancel(redis: RedisClient, job_id: str, collection: str, audit: Auditor) -> None:
    """Let a run end at its next safe point, also where it waits; raises ServiceAway("redis")."""
    redis.set(sync_keys.cancel(job_id), audit.actor.name, ex=KEEP_S)
    audit.record("cancel", collection, job=job_id)
    # One that waits for a service is looked at now: it ends without a call.
    ask_now(redis, "sync")


def cancelled_by(redis: RedisClient, job_id: str) -> str:
    """Return who has cancelled a run, "" where that was not done."""
    return (redis.get(sync_keys.cancel(job_id)) or b"").decode()
