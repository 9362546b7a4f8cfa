"""The newest entry of the audit trail, as a test looks at it."""

from __future__ import annotations

from workers.ledger.acts import Actor
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit, AuditEntry, entries
from workers.ledger.client import RedisClient


def as_(admin: LedgerAdmin, name: str) -> LedgerAdmin:
    """Return the operator's side of a ledger for an operator of this name."""
    return LedgerAdmin(admin.redis, Audit(admin.redis, Actor(name, "test")))


def acts(redis: RedisClient) -> list[str]:
    """Return what was done, the newest first."""
    return [recorded.entry.act for recorded in entries(redis)]


def last(redis: RedisClient) -> AuditEntry:
    """Return the newest entry."""
    return next(entries(redis)).entry
