"""tq-job: what became of a job, for the analyst who was told only its id."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import msgspec

from producers.cli import remembered
from producers.cli.console import DONE, FAILED, WRONG_INPUT, guarded
from producers.smart_response import report
from producers.smart_response.commands import ACTIONS, TQ_JOB
from producers.smart_response.settings import read_settings
from workers.core.errors import InputError
from workers.core.text import seconds
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.markers import Marker
from workers.ledger.reader import ENDED
from workers.ledger.records import Record

if TYPE_CHECKING:
    from producers.smart_response.notes import Note

#: Seconds between two looks at a job that is waited for; it may be put off again and again meanwhile.
LOOK_AGAIN_S = 0.2

#: The exit code for each state that is no success.
CODES = {"dead": FAILED, "refused": WRONG_INPUT}

#: LogRhythm's names of the actions, by the kind of job.
_NAMES = {action.kind: action.name for action in ACTIONS.values()}


def main(argv: Sequence[str] | None = None) -> int:
    """Show a job; the exit code is 0 for one that is done or will be, 1 for one that failed, 2 for one refused."""
    return guarded(partial(_run, *TQ_JOB.read(sys.argv[1:] if argv is None else argv)))


def _run(words: Sequence[str], values: dict[str, str]) -> int:
    if "help" in values:
        print(TQ_JOB.help())
        return DONE
    if "version" in values:
        print(version("tq-workers"))
        return DONE
    record = _record(words, values)
    if isinstance(record, Marker):
        print(msgspec.json.encode(record).decode() if "json" in values else f"{record.id}: {record.sentence}")
        return DONE
    print(msgspec.json.encode(record).decode() if "json" in values else text(record))
    return CODES.get(record.state, DONE)


def text(record: Record) -> str:
    """Return what the action would have printed, had it waited for this."""
    name, note = _NAMES.get(record.kind, record.kind), cast("Note", record.result)
    if record.state == "done":
        return report.done(name, record.id, note)
    if record.state == "dead":
        return report.dead(name, record.id, note)
    if record.state == "refused":
        return report.refused(name, record.id, note)
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.accepted_ms / 1000))
    why = record.reason or f"it is {record.state}; it was accepted at {since} UTC"
    return report.accepted(name, record.id, why, paused=bool(record.paused))


def _record(words: Sequence[str], values: dict[str, str]) -> Record | Marker:
    unknown = values.get("unknown") or next((word for word in words if word.startswith("-")), "")
    if unknown:
        raise InputError(f"is no option of tq-job\n{TQ_JOB.usage()}", field=unknown)
    if len(words) != 1:
        raise InputError(f"give one job id\n{TQ_JOB.usage()}")
    folder = (
        values.get("config") or os.environ.get("TQ_CONFIG") or remembered.memory().recall().get("config", "")
    )
    admin = LedgerAdmin(connect(read_settings(folder, os.environ).redis_url))
    record = _awaited(admin, words[0], _seconds(values.get("wait", ""))) or admin.marker(words[0])
    if record is None:
        raise InputError(
            "the ledger knows no such job, or no longer (done jobs are forgotten after TQ_KEEP_MARKERS_DAYS days)",
            field=words[0],
        )
    return record


def _awaited(admin: LedgerAdmin, job_id: str, wait_s: float) -> Record | None:
    """Return the job's record once it is done, dead or refused, or the time is over."""
    ends = time.monotonic() + wait_s
    record = admin.record(job_id)
    while record is not None and record.state not in ENDED and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN_S)
        record = admin.record(job_id)
    return record


def _seconds(text: str) -> float:
    try:
        return seconds(text or "0")
    except ValueError as error:
        raise InputError(f"{text!r} is no number of seconds", field="--wait") from error


if __name__ == "__main__":
    sys.exit(main())
