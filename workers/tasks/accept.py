"""`jobs.accept` and a task for each kind: the producer for a sender that speaks Celery and needs nothing of ours.

It is accepted as through every other producer, or quarantined with the reason. Its result is what became of the job.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import structlog
from celery import Task, shared_task
from msgspec import Struct

from workers.core.errors import InputError, ServiceAway, SlowedDown
from workers.core.jobs import Job
from workers.core.results import Failure
from workers.core.user import sent_by
from workers.ledger.accept import Accepted
from workers.ledger.celery_messages import ACCEPT_TASK
from workers.ledger.celery_results import CeleryResults
from workers.ledger.ledger import Ledger, open_ledger
from workers.ledger.quarantine import Quarantine, Unreadable, limits_of
from workers.payload.actions import SHAPES, read_action, title
from workers.payload.intake import Intake, accepted_only, from_settings, refused_only
from workers.payload.json_text import escape_all, escape_unfit
from workers.runtime import runtime
from workers.tasks.hidden import HiddenRequest

log = structlog.get_logger(__name__)

#: The name of this producer in the ledger, and of its task.
PRODUCER, TASK = "celery", ACCEPT_TASK

#: Open jobs above which this producer would refuse. Its messages lie in Redis as it is; in the ledger they are safe
#: and take less room.
_NO_LIMIT = 2**31

#: Seconds after which a message is tried again when Redis is full; that of a slowed sender when its wait is over.
_AGAIN_S = 5


class TakenCall(Struct, frozen=True):
    """What became of a call: the ledger's answers for its jobs, and what of it is in the quarantine."""

    jobs: list[Accepted]
    bad: list[Unreadable]

    @property
    def ids(self) -> list[str]:
        """The ids of its jobs."""
        return [answer.id for answer in self.jobs]


#: What the tasks share: no message is lost with its worker, none tells of its content.
_OPTIONS: dict[str, Any] = {
    "bind": True,
    "acks_late": True,
    "max_retries": None,
    "send_events": False,
    "Request": HiddenRequest,
}


@shared_task(name=TASK, **_OPTIONS)
def accept(self: Task, *positional: Any, **call: Any) -> list[str]:
    """Accept a job that is named in the call; return the ids."""
    return _take(self, {"positional": list(positional), **call} if positional else call)


def _task_for(kind: str) -> Task:
    """Register the task that is named like a kind of job: `events.create(payload={…})`."""

    # Silent, as the job of the same name tells of itself.
    @shared_task(name=kind, **_OPTIONS)
    def accept_kind(self: Task, *positional: Any, key: Any = "", **arguments: Any) -> list[str]:
        call = {"job": kind, "arguments": arguments, "key": key}
        return _take(self, {"positional": list(positional), **call} if positional else call)

    return accept_kind


accepting = [_task_for(kind) for kind in ("events.create", *SHAPES)]


def _take(task: Task, call: dict[str, Any]) -> list[str]:
    process = runtime()
    try:
        taken = accept_call(
            call,
            intake=from_settings(process.settings, "celery"),
            ledger=open_ledger(
                process.redis, msgspec.structs.replace(process.settings, max_open_jobs=_NO_LIMIT)
            ),
            quarantine=Quarantine(process.redis, limits_of(process.settings)),
            origin=str(task.request.origin or ""),
        )
        if not task.request.ignore_result:
            answer_sender(CeleryResults(process.redis), str(task.request.id), taken)
    except ServiceAway as error:
        raise task.retry(exc=error, countdown=max(_AGAIN_S, slowed_s(error))) from error
    return taken.ids


def answer_sender(results: CeleryResults, result_id: str, taken: TakenCall) -> None:
    """Let the sender's result be that of its job; of a call with several, their ids, each of which has a result too."""
    if not taken.jobs:
        reason = taken.bad[0].reason if taken.bad else "holds no payload"
        results.failed(result_id, Failure(reason, error=InputError.__name__))
    elif len(taken.jobs) == 1 and not taken.bad:
        results.await_job(result_id, taken.jobs[0])
    else:
        for answer in taken.jobs:
            results.await_job(answer.id, answer)
        refused = [unreadable.reason for unreadable in taken.bad]
        results.succeeded(result_id, {"jobs": taken.ids, "refused": refused})


def slowed_s(error: ServiceAway) -> float:
    """Return for how many seconds nothing is accepted from the sender of a message, 0 where another thing is wrong."""
    return error.after or 0.0 if isinstance(error, SlowedDown) else 0.0


def accept_call(
    call: dict[str, Any], *, intake: Intake, ledger: Ledger, quarantine: Quarantine, origin: str = ""
) -> TakenCall:
    """Accept `{"job": kind, "arguments": {…}, "key": …}` from `origin`, a process@host.

    What cannot be accepted goes to the quarantine, since most senders wait for no answer. Repeating it does no harm.
    """
    try:
        jobs, bad = _read(call, intake)
    except InputError as error:
        jobs, bad = [], [_unreadable("invalid_call", str(error), _text(call))]
    for job in jobs:
        # The host alone: each process there would be a sender of its own.
        job.sender = sent_by(job.sender, escape_unfit(origin).rpartition("@")[2])
    taken: list[Accepted] = []
    for answer in ledger.accept(jobs):
        if answer.conflict:
            bad.append(_unreadable("key_reused", "its key was used before for something else", _text(call)))
        else:
            taken.append(answer)
    repeats = [answer for answer in taken if not answer.created]
    for answer, known in zip(repeats, ledger.known(repeats), strict=True):
        log.info("known already", job=answer.id, **known.fields())
    quarantine.keep(bad)
    return TakenCall(taken, bad)


def _read(call: dict[str, Any], intake: Intake) -> tuple[list[Job], list[Unreadable]]:
    unknown = call.keys() - {"job", "arguments", "key"}
    if unknown:
        raise InputError(f"unknown: {', '.join(sorted(map(str, unknown)))}; there are job, arguments and key")
    kind, arguments, key = call.get("job"), call.get("arguments"), call.get("key") or ""
    if not isinstance(kind, str) or not isinstance(arguments, dict) or not isinstance(key, str):
        raise InputError("needs job (a text) and arguments (an object); key is a text")
    key = f"{PRODUCER}:{escape_unfit(key)}" if key else ""
    if kind != "events.create":
        checked = read_action(kind, escape_all(arguments))
        return [Job(kind, checked, producer=PRODUCER, title=title(kind, checked), key=key)], []
    mapping = arguments.get("mapping", "")
    if arguments.keys() - {"mapping"} != {"payload"} or not isinstance(mapping, str):
        raise InputError(
            'holds the payload, the name of a mapping if you like, and nothing else: {"payload": {…}}',
            field="arguments",
        )
    payload = arguments["payload"]
    # Half a surrogate pair, which JSON can write, is refused as what is not UTF-8.
    raw = payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else _text(payload)
    results = intake.jobs(raw, key=key, mapping=mapping)
    return accepted_only(results), [
        _unreadable(rejected.code, rejected.detail, rejected.raw, rejected.mapping)
        for rejected in refused_only(results)
    ]


def _unreadable(code: str, reason: str, raw: bytes, mapping: str = "") -> Unreadable:
    return Unreadable(PRODUCER, TASK, code, escape_unfit(reason), raw, escape_unfit(mapping))


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()
