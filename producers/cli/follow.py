"""Following runs to their end: progress bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, Protocol

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from producers.cli.console import note
from workers.core.results import Failure, Success
from workers.ledger.admin import LedgerAdmin
from workers.ledger.breakers import NEEDS
from workers.ledger.records import Record
from workers.ledger.sync_runs import Step, progress_of

#: Seconds between two looks.
EVERY_S = 0.2

#: Seconds after which a job that no worker takes, or that waits for a service, is left to the workers.
PATIENCE_S = 15.0

#: Seconds after which a run that has not begun is left to the workers where the command itself has met that ThreatQ is
#: away: a worker that has the run waits for the same.
AWAY_PATIENCE_S = 5.0

STAGES = {
    "gather": "reading ThreatQ",
    "read": "reading the list",
    "write": "writing",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
}


class End(Struct, frozen=True):
    """How the following of one run ended.

    `state`: done, dead, waiting (for a service), held (for a corrected setting), open (no worker took it).
    `result` is what the ledger noted last; None where it noted nothing.
    """

    collection: str
    job: str
    state: Literal["done", "dead", "waiting", "held", "open"]
    result: Success | Failure | None


class Display(Protocol):
    """Shows how far a list is."""

    def update(self, name: str, step: Step) -> None:
        """Show a step."""


class Follow:
    """Looks after some runs; `runs` maps the collection's name to its job.

    What was noted of one before `since_ms`, of Redis' clock, is not taken for an answer. `away` is how a service that
    they need has just failed.
    """

    def __init__(
        self,
        admin: LedgerAdmin,
        runs: Mapping[str, str],
        *,
        since_ms: int = 0,
        quiet: bool = False,
        away: Failure | None = None,
    ) -> None:
        self._admin, self._runs, self._quiet, self._away = admin, dict(runs), quiet, away
        self._began, self._since_ms = time.monotonic(), since_ms
        self._waits: dict[str, float] = {}
        self._has_begun = False

    def to_the_end(self) -> list[End]:
        """Return how each run ended, or why it is not waited for any longer."""
        ends: dict[str, End] = {}
        with _display(self._quiet) as display:
            while len(ends) < len(self._runs):
                for name, job_id in self._runs.items():
                    if name not in ends:
                        self._show(display, name, job_id)
                        end = self._end(name, job_id)
                        if end:
                            ends[name] = end
                time.sleep(EVERY_S)
        return [ends[name] for name in self._runs]

    def _show(self, display: Display, collection: str, job_id: str) -> None:
        for name, step in progress_of(self._admin.redis, job_id).items():
            self._has_begun = True
            display.update(name or collection, step)

    def _end(self, name: str, job_id: str) -> End | None:
        record = self._admin.record(job_id)
        if record is None:
            return End(name, job_id, "dead", Failure("the ledger does not know the job any more"))
        if record.state in ("done", "dead"):
            return End(name, job_id, "done" if record.state == "done" else "dead", record.outcome)
        if why := self._waits_for(record):
            return End(name, job_id, "waiting", why)
        if record.state == "waiting":
            return self._waiting(name, record)
        self._waits.pop(job_id, None)
        if record.state == "accepted" and not self._has_begun and self._waited(self._began):
            return self._not_taken(name, record)
        return None

    def _waits_for(self, record: Record) -> Failure | None:
        """Return what a run waits for that need not be awaited here; None where there is nothing."""
        if record.paused:
            return Failure(record.paused)
        is_stuck = not self._has_begun and self._waited(self._began, AWAY_PATIENCE_S)
        return self._away if is_stuck else None

    def _not_taken(self, name: str, record: Record) -> End:
        """Say why a job was not begun: a service is known to be away, or no worker consumes its queue."""
        for service in NEEDS[record.queue]:
            if away := self._admin.away(service):
                return End(name, record.id, "waiting", Failure(away["reason"], service=service))
        return End(name, record.id, "open", None)

    def _waiting(self, name: str, record: Record) -> End | None:
        result = record.outcome
        is_away = isinstance(result, Failure) and result.service is not None
        is_tried = bool(record.history) and record.history[-1].at_ms >= self._since_ms
        since = self._waits.setdefault(record.id, time.monotonic())
        if not self._waited(since) and (is_away or not is_tried):
            return None
        return End(name, record.id, "waiting" if is_away else "held", result)

    def _waited(self, since: float, patience_s: float = 0.0) -> bool:
        return time.monotonic() - since > (patience_s or PATIENCE_S)


class Lines:
    """A line for each new stage, for logs and cron's mails."""

    def __init__(self) -> None:
        self._stages: dict[str, str] = {}

    def update(self, name: str, step: Step) -> None:
        """Print the stage if it is a new one."""
        if self._stages.get(name) != step.stage:
            self._stages[name] = step.stage
            count = f", {step.total:,} entries" if step.stage == "write" and step.total else ""
            note(f"{name}: {STAGES.get(step.stage, step.stage)}{count}")


class Bars:
    """A bar for each list."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def update(self, name: str, step: Step) -> None:
        """Move the bar."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, stage="")
        done, total = step.done, step.total
        if step.stage == "done":
            done = total = max(total or 0, 1)
        stage = STAGES.get(step.stage, step.stage)
        self._progress.update(self._tasks[name], completed=done, total=total, stage=stage)


class Silence:
    """Shows nothing."""

    def update(self, name: str, step: Step) -> None:
        """Do nothing."""


@contextmanager
def _display(quiet: bool) -> Iterator[Display]:
    if quiet:
        yield Silence()
    elif not sys.stderr.isatty():
        yield Lines()
    else:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[stage]}"),
        )
        with Progress(*columns, console=Console(stderr=True)) as progress:
            yield Bars(progress)
