"""What a command says about the jobs that it handed over, as words for people or JSON lines for programs."""

from __future__ import annotations

import json
import time
from typing import Any

from msgspec import Struct, to_builtins

from producers.cli.console import AWAY, DONE, FAILED, INTERRUPTED, WRONG_INPUT, note
from producers.enqueue import Handed, HandedOver, Status
from workers.core.errors import ServiceAway
from workers.core.jobs import Kind
from workers.core.results import EventResult, Failure, LeftOut, Success, as_note, read_note
from workers.core.text import counted, printable
from workers.ledger.admin import LedgerAdmin
from workers.ledger.breakers import NEEDS, open_breakers

#: Exit code for each state in which a wait can end.
CODES = {"done": DONE, "dead": FAILED, "refused": WRONG_INPUT}


#: Seconds for which a job in a paused queue is waited for: it may have been claimed before.
MOMENT_S = 1.0


class Waited(Struct, frozen=True):
    """How the wait for a job ended: exit code, state (open or unknown: not known), and what it noted."""

    code: int
    outcome: str
    result: Success | Failure | None


#: How the wait for a job ends that the user ended.
_INTERRUPTED = Waited(INTERRUPTED, "open", Failure("the command stopped waiting; the job is kept and done"))


class PayloadReport(Struct, frozen=True):
    """What is said of one payload: its place from 1, its job, where that is now, and how the wait for it ended."""

    position: int
    job: str
    status: Status
    title: str
    warnings: tuple[str, ...]
    waited: Waited | None = None

    @property
    def code(self) -> int:
        """The exit code of the command as far as this payload goes."""
        if self.waited:
            return self.waited.code
        return FAILED if self.status == "conflict" else DONE

    def as_json(self) -> str:
        """Return it for programs; what the job noted stands beside its state."""
        line: dict[str, Any] = to_builtins(self)
        del line["waited"]
        if self.waited:
            noted = as_note(self.waited.result) if self.waited.result else {}
            line |= {"outcome": self.waited.outcome, **noted}
        return json.dumps(line)


class Wait:
    """Waits for outcomes until a common deadline, `wait_s` seconds from now."""

    def __init__(self, admin: LedgerAdmin, wait_s: float) -> None:
        self._admin = admin
        self._deadline = time.monotonic() + wait_s
        self._wait_s = wait_s
        self._is_interrupted = False

    def outcome(self, handed: Handed) -> Waited:
        """Return what became of a job, or why that is not known yet.

        Ctrl-C ends the waiting for this job and all later ones, whose ids a user must learn all the same.
        """
        try:
            entry = self._admin.outcome(handed.id, wait_s=self._patience_s(handed.job.kind))
            if entry is not None:
                result = read_note(handed.job.kind.name, entry.state, entry.note)
                return Waited(CODES.get(entry.state, AWAY), entry.state, result)
            return (
                _INTERRUPTED
                if self._is_interrupted
                else Waited(AWAY, "open", Failure(self._why(handed.job.kind)))
            )
        except ServiceAway as error:
            return Waited(AWAY, "unknown", Failure(f"{error} The job is kept"))
        except KeyboardInterrupt:
            self._is_interrupted, self._deadline = True, 0.0
            return _INTERRUPTED

    def _patience_s(self, kind: Kind) -> float:
        """Return how long to wait: for a moment where nothing is claimed, as the queue is paused."""
        left_s = max(self._deadline - time.monotonic(), 0.0)
        return min(left_s, MOMENT_S) if left_s and self._admin.why_paused(kind.queue) else left_s

    def _why(self, kind: Kind) -> str:
        if paused := self._admin.why_paused(kind.queue):
            return f"{paused}; the job is kept and done once an operator lets the queue go on"
        away, waits = open_breakers(self._admin.redis)
        reasons = [wait.said for wait in waits if wait.queue == kind.queue and wait.concerns(kind.name)]
        reasons += [breaker.reason for breaker in away if breaker.service in NEEDS[kind.queue]]
        if reasons:
            return f"{reasons[0]}; the job is kept and done later"
        return f"not done within {self._wait_s:g} s, but kept; is a worker running? tqctl status tells"


def outcome_of(handed: Handed, admin: LedgerAdmin, wait: Wait | None) -> Waited | None:
    """Return what became of a job; without `wait`, what has become of one that the ledger had before.

    None while that is not known. Sending something again is no failure, whatever became of it the first time.
    """
    if handed.status not in ("accepted", "known"):
        return None
    if handed.event_id is not None:
        return Waited(DONE, "done", EventResult(event_id=handed.event_id, link=handed.link))
    if wait:
        return wait.outcome(handed)
    try:
        entry = admin.outcome(handed.id) if handed.status == "known" else None
    except ServiceAway:
        # A user who may only accept learns nothing.
        return None
    if entry is None:
        return None
    return Waited(DONE, entry.state, read_note(handed.job.kind.name, entry.state, entry.note))


def report_spool(result: HandedOver, folder: str) -> None:
    """Tell what was delivered of earlier jobs, and what is kept in `folder` now, and why."""
    if result.earlier.delivered:
        note(f"note: delivered {counted(len(result.earlier.delivered), 'job')} that waited in {folder}")
    for path, reason in result.earlier.set_aside:
        note(f"warning: not delivered from the spool: {path}: {reason}")
    if result.away:
        kept = sum(handed.status == "spooled" for handed in result.handed)
        note(f"warning: {result.away}")
        note(f"kept {counted(kept, 'job')} in {folder}; the next run delivers what is there")


def words(line: PayloadReport) -> str:
    """Return one job's line, and below it its warnings and its outcome."""
    result = line.waited.result if line.waited else None
    event = result if isinstance(result, EventResult) else EventResult()
    shown = [f"{line.status:<9} {line.job}  {printable(line.title)}"]
    shown += [f"  warning: {printable(warning)}" for warning in event.warnings or line.warnings]
    if line.waited:
        shown.append(f"  {line.waited.outcome}: {printable(_result(result))}")
    shown += [f"  left out: {printable(_left_out(left))}" for left in event.left_out]
    return "\n".join(shown)


def _result(result: Success | Failure | None) -> str:
    if isinstance(result, EventResult):
        shared = f", one of the firings of {result.group.label}" if result.group else ""
        return f"event {result.event_id} {result.link}".rstrip() + shared
    return result.reason if isinstance(result, Failure) else ""


def _left_out(left: LeftOut) -> str:
    kept = "not kept" if left.kept_as == "nothing" else f"kept as {left.kept_as}"
    return f"{left.what}: {left.why} ({kept})"
