"""`tqctl watch JOB`: follow a job until it ends; the exit code is its outcome."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace

from producers.cli.console import DONE, note
from producers.smart_response.job import CODES
from tqctl.job_text import whole
from tqctl.shell import Shell
from workers.core.errors import InputError, ServiceAway
from workers.core.text import moment, printable
from workers.ledger.markers import Marker
from workers.ledger.records import Record

#: Seconds between two looks.
EVERY_S = 0.5

#: The states after which nothing more comes.
ENDS = ("done", "dead", "refused")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
    parser.add_argument("id", metavar="JOB")


def run(shell: Shell, options: Namespace) -> int:
    """Tell each step of a job; the exit code is 0 for done, 1 for dead, 2 for refused or not known."""
    ended = _Watch(shell, options.id).to_the_end()
    if isinstance(ended, Marker):
        shell.show({"id": ended.id, "state": ended.state}, lambda _: [f"{ended.id}: {ended.sentence}"])
        return DONE
    if shell.as_json:
        shell.show(whole(ended, None), lambda _: [])
    return CODES.get(ended.state, DONE)


class _Watch:
    """One job that is followed; what was told once is not told again."""

    def __init__(self, shell: Shell, job_id: str) -> None:
        self._shell, self._id = shell, job_id
        self._told = 0
        self._last = ""
        self._is_away = False

    def to_the_end(self) -> Record | Marker:
        """Return the record of the ended job, or what is left of it; a Redis that is away is waited for."""
        while True:
            record = self._look()
            if isinstance(record, Marker):
                return record
            if record:
                self._tell(record)
                if record.state in ENDS:
                    return record
            time.sleep(EVERY_S)

    def _look(self) -> Record | Marker | None:
        admin = self._shell.admin
        try:
            record = admin.record(self._id) or admin.marker(self._id)
        except ServiceAway as error:
            if not self._is_away:
                note(f"{error} Trying again until it answers.")
            self._is_away = True
            return None
        self._is_away = False
        if record is None:
            raise InputError("the ledger does not know this job, or no longer", field=self._id)
        return record

    def _tell(self, record: Record) -> None:
        if self._shell.as_json:
            return
        if not self._last:
            self._say(record.accepted_ms, "accepted", f"{record.kind} {record.title}")
        for entry in record.history[self._told :]:
            self._say(entry.at_ms, entry.state, _outcome(entry.note))
        self._told = len(record.history)
        now = record.paused or record.queue_waits or record.state
        if record.state not in ENDS and now != self._last:
            self._say(None, "now", now)
        self._last = now

    def _say(self, at_ms: int | None, state: str, text: str) -> None:
        print(printable(f"{moment(at_ms) or ' ' * 19}  {state:<9} {text}".rstrip()), flush=True)


def _outcome(noted: dict[str, object]) -> str:
    names = ("reason", "said", "event_id", "link", "status")
    return " ".join(str(noted[name]) for name in names if noted.get(name))
