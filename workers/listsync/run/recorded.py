"""The settings of a run in Redis: of the command that asked for it, or of the worker that began it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.ledger.sync_runs import KEEP_S
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.settings import collections_of, require_sync, rules_of
from workers.settings.model import Settings
from workers.threatq.score_bands import bands_of


def decisions_of(redis: RedisClient, job_id: str, asked: Mapping[str, Any], settings: Settings) -> Decisions:
    """Return what decides about a run; the first worker records it. `asked` comes with the job and counts first.

    Raises ConfigError before anything is recorded, so that a corrected setting counts; InputError for a wrong record.
    """
    key = sync_keys.settings(job_id)
    recorded = _recorded(redis, key)
    decisions = Decisions.of(settings, asked if recorded is None else recorded)
    _check(decisions.over(settings))
    if recorded is not None:
        return decisions
    redis.set(key, msgspec.json.encode(decisions), nx=True, ex=KEEP_S)
    # Of two workers at once the first one counts.
    return Decisions.of(settings, _recorded(redis, key))


def _check(settings: Settings) -> None:
    """Raise ConfigError for what is missing or wrong."""
    require_sync(settings)
    collections_of(settings)
    bands_of(settings)
    rules_of(settings)


def _recorded(redis: RedisClient, key: str) -> dict[str, Any] | None:
    text = redis.get(key)
    if text:
        redis.expire(key, KEEP_S)
    return msgspec.json.decode(text, type=dict[str, Any]) if text else None


def deviation(decisions: Decisions, settings: Settings) -> str:
    """Say how this worker's own settings differ from those of the run; empty when they do not."""
    differences = "; ".join(decisions.differences(settings))
    worker = f"The worker on {platform.node()} has other settings and does not use them"
    return f"{worker}: {differences}" if differences else ""


def shown(decisions: Decisions) -> dict[str, Any]:
    """Return what decides about a run by the settings' names, for its result."""
    return structs.asdict(decisions)
