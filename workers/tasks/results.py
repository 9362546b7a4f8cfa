"""Celery's view of what became of a job: `celery -A workers.app result JOB`, and every AsyncResult of this application.

It reads the ledger and writes nothing: the ledger's scripts store what clients wait for (ledger/celery_results.py).
"""

from __future__ import annotations

from typing import Any

from celery import states
from celery.backends.base import BaseBackend

from workers.ledger.admin import LedgerAdmin
from workers.ledger.celery_results import CeleryResults
from workers.ledger.records import Record
from workers.runtime import runtime

#: Celery's word for each state of a job.
CELERY_STATES = {
    "accepted": states.PENDING,
    "running": states.STARTED,
    "waiting": states.RETRY,
    "done": states.SUCCESS,
    "dead": states.FAILURE,
    "refused": states.FAILURE,
}

#: Characters of a job's id; no id that Celery makes has so many.
_JOB_ID_CHARS = 24


class LedgerResults(BaseBackend):
    """What became of a job, by its own id or by that of the message that brought it."""

    supports_autoexpire = True

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        redis = runtime().redis
        admin = LedgerAdmin(redis)
        record = admin.record(task_id)
        if record:
            meta = _meta_of(record)
        elif marker := admin.marker(task_id):
            meta = {"status": states.SUCCESS, "result": {"event_id": marker.event_id}}
        else:
            meta = CeleryResults(redis).read(task_id) or _unknown(task_id)
        stored: dict[str, Any] = self.meta_from_decoded(
            {"traceback": None, "children": [], "task_id": task_id, **meta}
        )
        return stored

    def _store_result(self, *_: Any, **__: Any) -> None:
        """Store nothing: what a task returns is no job's outcome."""


def _meta_of(record: Record) -> dict[str, Any]:
    status, note = CELERY_STATES[record.state], record.result
    if status in (states.PENDING, states.STARTED):
        return {"status": status, "result": None}
    if status == states.SUCCESS:
        return {"status": status, "result": note}
    error = note.get("error") or ("Waiting" if record.state == "waiting" else "Rejected")
    return {"status": status, "result": _exception(error, record.reason)}


def _unknown(task_id: str) -> dict[str, Any]:
    """Return that a message was not taken yet; of what has the form of a job's id, that there is none."""
    if len(task_id) != _JOB_ID_CHARS:
        return {"status": states.PENDING, "result": None}
    reason = f"the ledger knows no job {task_id}; tqctl jobs list shows those that it knows"
    return {"status": states.FAILURE, "result": _exception("UnknownJob", reason)}


def _exception(name: str, reason: str) -> dict[str, Any]:
    return {"exc_type": name, "exc_message": [reason], "exc_module": None}
