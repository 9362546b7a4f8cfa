"""A ThreatQ, a LogRhythm, a ledger and a worker in this process, for tests of the list sync."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import structs

from tests.support.sandbox_logrhythm import SandboxLogRhythm
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.client import RedisClient
from workers.ledger.connection import send
from workers.ledger.records import Entry
from workers.listsync.run.handler import work
from workers.runtime import Runtime
from workers.settings import file as settings_file
from workers.settings.model import Secret, Settings

COLLECTION = "LogRhythm-IOCList"
MAPPING = f'---\n{COLLECTION}:\n  baseName: "ThreatQ: "\n'
EVERYTHING = {"criteria": {}, "filters": {"status_name": "Active"}}

#: The values of each list, by its name.
ListValues = dict[str, set[str]]


class Stage:
    """Both services, fresh, and a worker that syncs between them; `settings` are changed with `set`."""

    def __init__(
        self,
        redis: RedisClient,
        redis_url: str,
        threatq: SandboxThreatQ,
        logrhythm: SandboxLogRhythm,
        folder: Path,
    ) -> None:
        self.redis, self.threatq, self.logrhythm = redis, threatq, logrhythm
        self.admin = LedgerAdmin(redis)
        settings = logrhythm.settings(
            redis_url=redis_url,
            threatq_url=threatq.url,
            threatq_client_id=threatq.client_id,
            threatq_email=threatq.email,
            threatq_password=Secret(threatq.password),
            settings_from="local",
            sync_collections=MAPPING,
            sync_method="full",
            sync_dir=str(folder),
        )
        self.runtime = Runtime(settings)

    def set(self, **fields: Any) -> Settings:
        """Change settings, as a restart of the worker would."""
        self.runtime = Runtime(structs.replace(self.runtime.settings, **fields))
        return self.runtime.settings

    def seed(self, count: int, **plan: Any) -> None:
        """Fill ThreatQ, and share a collection of what is active there."""
        self.threatq.control("seed", {"indicators": count, **plan})

    def share(self, name: str = COLLECTION, query: Any = EVERYTHING) -> None:
        """Save a data collection and share it."""
        self.threatq.control("collections", {"name": name, "query": query})

    def start(self, collection: str = COLLECTION, *, sender: str = "", **arguments: Any) -> str:
        """Accept a job; returns its id."""
        job = Job(
            "lists.sync",
            {"collection": collection, "dry_run": False, **arguments},
            producer="test",
            sender=sender,
            key=str(time.monotonic()),
        )
        return self.runtime.ledger.accept([job])[0].id

    def consume(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Work on the queue as a worker does."""
        consumer = QueueHandler(
            "sync", lambda attempt: [work(claim, self.runtime, stopping) for claim in attempt.claims], 1
        )
        return consume(consumer, self.runtime.ledger, self.runtime.leases, stopping=stopping)

    def outcome(self, job_id: str) -> Entry:
        """Return what became of a job, which must have come to something."""
        entry = self.admin.outcome(job_id)
        assert entry is not None
        return entry

    def sync(self, collection: str = COLLECTION, **arguments: Any) -> dict[str, Any]:
        """Run a sync to its end and return its result."""
        job_id = self.start(collection, **arguments)
        while self.consume():
            pass
        entry = self.outcome(job_id)
        assert entry.state == "done", entry
        return entry.note

    def hurry(self) -> None:
        """Let no job and no service wait any longer."""
        for service in ("threatq", "logrhythm"):
            self.redis.delete(keys.away(service))
        due = keys.due("sync")
        send(self.redis, [("ZADD", due, 0, job_id) for job_id in self.redis.zrange(due, 0, -1)])

    def expire(self, every: int) -> None:
        """Let each n-th indicator leave the collection."""
        self.threatq.control("expire", {"every": every})

    def lists(self) -> ListValues:
        """Return every list in LogRhythm with its values."""
        rows = self.logrhythm.api("GET", "/lists/", pageSize="1000").json()
        return {row["name"]: set(self.logrhythm.values(row["guid"])) for row in rows}

    def guid(self, name: str) -> str:
        """Return the guid of a list."""
        rows = self.logrhythm.api("GET", "/lists/", pageSize="1000").json()
        return next(str(row["guid"]) for row in rows if row["name"] == name)

    def writes(self) -> int:
        """Return how many calls that write LogRhythm has seen."""
        calls = self.logrhythm.control("calls", method="GET")["by_route"]
        return sum(count for route, count in calls.items() if not route.startswith("GET"))


#: The settings that reach the services of a stage, as a file has them.
WRITTEN = (
    *("redis_url", "threatq_url", "threatq_client_id", "threatq_email", "settings_from"),
    *("logrhythm_url", "logrhythm_owner", "logrhythm_ca_file"),
    *("sync_collections", "sync_method", "sync_dir", "sync_delete_max_count"),
)


def write_config(folder: Path, settings: Settings, **more: str) -> Path:
    """Write a tq.yaml with everything in it, so that no page in ThreatQ is needed; returns its folder."""
    values = {name: str(getattr(settings, name)) for name in WRITTEN}
    secrets = {name: getattr(settings, name).reveal() for name in ("threatq_password", "logrhythm_token")}
    (folder / "tq.yaml").unlink(missing_ok=True)
    settings_file.write(folder / "tq.yaml", {**values, **secrets, **more})
    return folder
