"""What a worker does with a `lists.sync` job: hand it out by collection, or go on with its run for a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from workers.config import Settings, not_set
from workers.errors import ConfigError, InputError, ServiceAway
from workers.jobs import Job
from workers.ledger.desk import Desk
from workers.ledger.records import Claim, Settlement, done, given_back
from workers.ledger.setup import tell
from workers.listsync.mapping import Collection
from workers.listsync.options import collections_of
from workers.runtime import Runtime
from workers.sync.applying import plan_and_write
from workers.sync.gathering import gather
from workers.sync.journal import now_ms
from workers.sync.locks import hold, release
from workers.sync.outcome import conclude
from workers.sync.planning import look_up
from workers.sync.run import Run, deciding
from workers.sync.setup import NEEDED, require_sync
from workers.sync.slices import Preempted, Slice
from workers.sync.state import RunFolder, RunState, base_folder

log = structlog.get_logger(__name__)


def work(claim: Claim, here: Runtime, stopping: Callable[[], bool]) -> Settlement:
    """Go on with a job for a few seconds and say what became of it.

    Raises ServiceAway and ConfigError, with which the job waits, and what makes it impossible.
    """
    settings = here.sync_settings()
    if settings is None:
        reason = f"the connector {here.settings.logrhythm_connector_name} is not enabled in ThreatQ"
        tell(here.redis, "logrhythm", reason)
        return done(claim, {"status": "skipped", "reason": reason})
    tell(here.redis, "logrhythm", not_set(settings, NEEDED))
    require_sync(settings)
    collections = {one.name: one for one in collections_of(settings)}
    name = str(claim.arguments.get("collection", ""))
    if not name:
        return _hand_out(claim, here, list(collections))
    if name not in collections:
        raise InputError(
            f"{name!r} is not among the data collections: {', '.join(collections)}", field="collection"
        )
    return _go_on(claim, here, settings, collections[name], Slice(stopping, partial(_is_ours, here, claim)))


def _hand_out(claim: Claim, here: Runtime, names: list[str]) -> Settlement:
    """Make a job for each collection, each with a bell of its own so that workers do them side by side."""
    runs = {}
    for name in names:
        job = Job(
            "lists.sync",
            {**claim.arguments, "collection": name},
            door=claim.door,
            title=f"sync {name}",
            trace=claim.trace,
            key=f"{claim.id}:{name}",
        )
        (answer,) = here.ledger.accept([job])
        runs[name] = answer.id
    return done(claim, {"status": "handed out", "runs": runs})


def _go_on(
    claim: Claim, here: Runtime, settings: Settings, collection: Collection, slice: Slice
) -> Settlement:
    dry_run = bool(claim.arguments.get("dry_run"))
    if not dry_run:
        holder = hold(here.redis, collection.name, claim.id)
        if holder != claim.id:
            return done(claim, _overlap(here, collection.name, holder))
    try:
        run = _taken_up(claim, here, settings, collection, slice)
        if not _advance(run):
            return given_back(claim)
        result = conclude(here.redis, run, claim.id, dry_run=dry_run)
    except Preempted:
        return given_back(claim)
    except (ServiceAway, ConfigError):
        # The job waits, and its collection with it.
        raise
    except Exception:
        release(here.redis, collection.name, claim.id)
        raise
    run.folder.remove()
    release(here.redis, collection.name, claim.id)
    return done(claim, result)


def _overlap(here: Runtime, collection: str, holder: str) -> dict[str, Any]:
    """Return what is said to a run whose collection another job has; `at_work`: somebody works on that one now."""
    record = Desk(here.redis).record(holder)
    reason = f"a run of {collection!r} is under way (job {holder}); nothing was started"
    if record is not None and record.state == "waiting":
        why = record.result.get("reason", "")
        reason = f"a run of {collection!r} waits already (job {holder}) and is tried again each minute: {why}"
    at_work = record is not None and record.state == "running"
    return {"status": "overlap", "by": holder, "at_work": at_work, "reason": reason}


def _advance(run: Run) -> bool:
    """Do what the time allows; return whether the run is at its end."""
    for part in (look_up, gather, plan_and_write):
        pieces = part(run)
        try:
            if not run.slice.takes(pieces):
                return False
        finally:
            pieces.close()
    return True


def _taken_up(claim: Claim, here: Runtime, settings: Settings, collection: Collection, slice: Slice) -> Run:
    """Return the run as another process left it, or a new one."""
    folder, rules = RunFolder(base_folder(settings), claim.id), deciding(settings, collection)
    state = folder.load()
    if state is None or state.rules != rules:
        folder.begin()
        state = RunState(
            collection=collection,
            rules=rules,
            began_ms=now_ms(here.redis),
            dry_run=bool(claim.arguments.get("dry_run")),
        )
        log.info("sync begins", job=claim.id, collection=collection.name, method=settings.sync_method)
    return Run(here, settings, state, folder, slice)


def _is_ours(here: Runtime, claim: Claim) -> bool:
    return claim.id not in here.ledger.renew([claim])
