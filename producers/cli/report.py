"""What a command says about the jobs that it handed over, as words for people or JSON lines for programs."""

from __future__ import annotations

import time
from typing import Any

from producers.cli.console import AWAY, DONE, FAILED, INTERRUPTED, note
from producers.enqueue import HandedOver
from workers.core.errors import ServiceAway
from workers.core.text import printable
from workers.ledger.admin import LedgerAdmin

#: Exit code for each state in which a wait can end.
CODES = {"done": DONE, "dead": FAILED}


#: What is told of a job for which a person did not wait any longer.
_INTERRUPTED = {"outcome": "open", "reason": "the command stopped waiting; the job is kept and done"}


class Wait:
    """Waits for outcomes until a common deadline, `wait_s` seconds from now."""

    def __init__(self, admin: LedgerAdmin, wait_s: float) -> None:
        self._admin = admin
        self._deadline = time.monotonic() + wait_s
        self._wait_s = wait_s
        self._is_interrupted = False

    def outcome(self, job_id: str) -> tuple[int, dict[str, Any]]:
        """Return the exit code and what became of the job, or why that is not known yet.

        Ctrl-C ends the waiting for this job and all later ones, whose ids a person must learn all the same.
        """
        try:
            entry = self._admin.outcome(job_id, wait_s=max(self._deadline - time.monotonic(), 0.0))
            if entry is not None:
                return CODES.get(entry.state, AWAY), {"outcome": entry.state, **entry.note}
            if self._is_interrupted:
                return INTERRUPTED, _INTERRUPTED
            return AWAY, {"outcome": "open", "reason": self._why()}
        except ServiceAway as error:
            return AWAY, {"outcome": "unknown", "reason": f"{error} The job is kept"}
        except KeyboardInterrupt:
            self._is_interrupted, self._deadline = True, 0.0
            return INTERRUPTED, _INTERRUPTED

    def _why(self) -> str:
        if away := self._admin.away("threatq").get("reason"):
            return f"{away}; the job is kept and done later"
        return f"not done within {self._wait_s:g} s, but kept; is a worker running? tqctl status tells"


def report_spool(result: HandedOver, folder: str) -> None:
    """Tell what was delivered of earlier jobs, and what is kept in `folder` now, and why."""
    if result.earlier.delivered:
        note(f"note: delivered {_jobs(len(result.earlier.delivered))} that waited in {folder}")
    for path, reason in result.earlier.set_aside:
        note(f"warning: not delivered from the spool: {path}: {reason}")
    if result.away:
        kept = sum(handed.status == "spooled" for handed in result.handed)
        note(f"warning: {result.away}")
        note(f"kept {_jobs(kept)} in {folder}; the next run delivers what is there")


def words(line: dict[str, Any]) -> str:
    """Return one job's line, and below it its warnings and its outcome."""
    shown = [f"{line['status']:<9} {line['job']}  {printable(line['title'])}"]
    shown += [f"  warning: {printable(warning)}" for warning in line["warnings"]]
    if "outcome" in line:
        shown.append(f"  {line['outcome']}: {_result(line)}")
        shown += [f"  left out: {_left_out(left)}" for left in line.get("left_out", ())]
    return "\n".join(shown)


def _result(line: dict[str, Any]) -> str:
    if event_id := line.get("event_id"):
        return f"event {event_id} {printable(str(line['link']))}"
    return printable(str(line.get("reason", "")))


def _left_out(left: dict[str, str]) -> str:
    kept = "not kept" if left["kept_as"] == "nothing" else f"kept as {left['kept_as']}"
    return printable(f"{left['what']}: {left['why']} ({kept})")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
