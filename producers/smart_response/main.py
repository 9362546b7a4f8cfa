"""The commands that LogRhythm starts: read, accept, wait, tell the analyst."""

from __future__ import annotations

import os
import sys
import time

from producers.cli import remembered
from producers.smart_response import report
from producers.smart_response.commands import ACTIONS
from producers.smart_response.link import check_type, connect, outcome
from producers.smart_response.report import RunLog
from producers.smart_response.settings import read_settings
from workers.core import light_json, output
from workers.core.errors import ConfigError, InputError, ServiceAway, TqError
from workers.core.text import seconds
from workers.core.user import user_at_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from producers.smart_response.commands import Action
    from producers.smart_response.link import Link
    from producers.smart_response.notes import Note
    from producers.smart_response.settings import StubSettings
    from workers.core.jobs import Job

#: What a shell expects of a command that Ctrl-C ended.
INTERRUPTED = 130


class ActionAnswer:
    """How a run ended: the exit code, the text, and the same for machines."""

    __slots__ = ("exit_code", "fields", "outcome", "text")

    def __init__(self, exit_code: int, outcome: str, text: str, **fields: Any) -> None:
        self.exit_code, self.outcome, self.text, self.fields = exit_code, outcome, text, fields

    def as_json(self) -> str:
        """Return the outcome for machines."""
        fields = {"outcome": self.outcome, "exit_code": self.exit_code, **self.fields}
        return light_json.write(fields, item=", ", key=": ")


class ActionRun:
    """One call of one action."""

    def __init__(self, action: Action, argv: Sequence[str]) -> None:
        self.action = action
        self.began = time.monotonic()
        self.words, self.values = action.syntax.read(argv)
        self.places = _places(self.values)
        self.log = RunLog(self.places["loglocation"], 1, action.syntax.name)

    def answer(self) -> ActionAnswer:
        """Carry the call out; nothing that can go wrong here is raised."""
        try:
            self.log = RunLog(self.places["loglocation"], _verbosity(self.places), self.action.syntax.name)
            settings = read_settings(self.places["config"], os.environ)
            for warning in settings.warnings:
                print(f"warning: {warning}", file=sys.stderr)
            wait_s = self._wait_s(settings)
            job = self.action.job(self.words, self.values, trace=_trace())
            job.sender = user_at_host()
            return self._send(job, settings, wait_s)
        except ConfigError as error:
            return self._not_done(error, str(error))
        except InputError as error:
            return self._not_done(error, f"{error}\n{self.action.syntax.usage()}")
        except TqError as error:
            return self._not_done(error, str(error))
        except ModuleNotFoundError as error:
            return self.answer() if _has_more_libraries() else self._bare(error)
        except Exception as error:
            return self._unexpected(error)

    def _bare(self, error: ModuleNotFoundError) -> ActionAnswer:
        """Tell what an installation without libraries cannot read or reach."""
        from workers.core.extras import not_installed

        lacks = not_installed("this configuration", error.name)
        instead = (
            "plain lines `name: value` in a tq.yaml that no other user may read, and to one Redis server"
        )
        refused = ConfigError(f"{lacks}, or keep to {instead}")
        return self._not_done(refused, str(refused))

    def _unexpected(self, error: Exception) -> ActionAnswer:
        """Tell of a fault of ours in a line; the log has where it happened."""
        import traceback

        self.log.detail(traceback=traceback.format_exc())
        why = f"this should not happen ({type(error).__name__}: {error}); with -v3 -ll FOLDER the log has the details"
        return ActionAnswer(1, "failed", report.dead(self.action.name, "", {"reason": why}), error=why)

    def _not_done(self, error: TqError, reason: str) -> ActionAnswer:
        text = report.failed(self.action.name, reason)
        return ActionAnswer(error.exit_code, "refused", text, error=str(error))

    def _send(self, job: Job, settings: StubSettings, wait_s: float) -> ActionAnswer:
        try:
            link = connect(settings)
            check_type(link, job)
            (accepted,) = link.accept([job])
        except ServiceAway as error:
            return self._keep(job, settings, error)
        self.log.detail(accepted_ms=round((time.monotonic() - self.began) * 1000, 1))
        self._deliver_earlier(link, settings)
        state, note = outcome(link, accepted, job.kind.queue, wait_s)
        link.close()
        return self._told(accepted.id, state, note)

    def _told(self, job_id: str, state: str, note: Note) -> ActionAnswer:
        name, reason = self.action.name, note.get("reason", "")
        if state == "done":
            return ActionAnswer(0, "done", report.done(name, job_id, note), job=job_id, result=note)
        if state == "dead":
            return ActionAnswer(1, "failed", report.dead(name, job_id, note), job=job_id, error=reason)
        if state == "refused":
            return ActionAnswer(2, "refused", report.refused(name, job_id, note), job=job_id, error=reason)
        text = report.accepted(name, job_id, reason, paused=state == "paused")
        return ActionAnswer(0, "accepted", text, job=job_id, why=reason)

    def _keep(self, job: Job, settings: StubSettings, error: ServiceAway) -> ActionAnswer:
        """Keep the job on disk; raises NotKept where even that is impossible."""
        spool = self._spool(settings)
        spool.keep([job])
        text = report.kept(self.action.name, job.id, str(error), spool.folder)
        return ActionAnswer(error.exit_code, "kept", text, job=job.id, error=str(error), spool=spool.folder)

    def _deliver_earlier(self, link: Link, settings: StubSettings) -> None:
        """Send what earlier runs kept; what goes wrong with that is no concern of this action."""
        from workers.ledger.spool import BATCH

        spool = self._spool(settings)
        if not spool.waiting():
            return
        try:
            delivery = spool.deliver(link.accept, at_once=min(BATCH, settings.max_open_jobs))
            self.log.detail(delivered=len(delivery.delivered))
        except TqError as error:
            self.log.detail(not_delivered=str(error))

    def _spool(self, settings: StubSettings) -> Any:
        from workers.ledger.spool import Spool, default_folder

        return Spool(default_folder(settings.spool_dir, settings.folder))

    def _wait_s(self, settings: StubSettings) -> float:
        if "no_wait" in self.values:
            return 0.0
        given = self.values.get("wait")
        if not given:
            return settings.wait_s
        try:
            return seconds(given)
        except ValueError as error:
            raise InputError(f"{given!r} is no number of seconds", field="--wait") from error


def run(action: Action, argv: Sequence[str]) -> int:
    """Carry out one call of an action, print its outcome and return the exit code."""
    output.prepare()
    try:
        return _carry_out(action, argv)
    except KeyboardInterrupt:
        print(f"interrupted; run {action.syntax.name} again, nothing is done twice", file=sys.stderr)
        return INTERRUPTED


def _carry_out(action: Action, argv: Sequence[str]) -> int:
    action_run = ActionRun(action, argv)
    if "help" in action_run.values:
        _print(action.syntax.help())
        return 0
    if "version" in action_run.values:
        from importlib.metadata import version

        _print(version("tq-workers"))
        return 0
    answer = action_run.answer()
    _print(answer.as_json() if "json" in action_run.values else answer.text)
    if answer.exit_code and not sys.stderr.isatty():
        # LogRhythm shows an action's standard error beside a failure.
        print(answer.fields.get("error") or answer.text, file=sys.stderr)
    trouble = action_run.log.write(answer.outcome, exit_code=answer.exit_code, **answer.fields)
    if trouble:
        print(trouble, file=sys.stderr)
    return answer.exit_code


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError as error:
        # What was asked for is done or accepted all the same, so the exit code stays what it is.
        output.give_up()
        print(f"the answer cannot be shown ({error.strerror})", file=sys.stderr)


def _places(values: dict[str, str]) -> dict[str, str]:
    """Return config folder, log folder and verbosity: as given, else TQ_CONFIG, else as remembered."""
    # Windows reads the quote after a closing backslash, as in "L:\ThreatQ\config\", as a part of the value.
    given = {name: values.get(name, "").strip().strip('"') for name in remembered.VALUES}
    given["config"] = given["config"] or os.environ.get("TQ_CONFIG", "")
    if not all(given.values()):
        earlier = remembered.memory().recall()
        given = {name: value or earlier.get(name, "") for name, value in given.items()}
    return given


def _trace() -> str:
    """Return the trace that the calling program wants the job to belong to; few have one."""
    if "TRACEPARENT" not in os.environ:
        return ""
    from workers.core.trace import trace_of

    return trace_of(os.environ)


def _has_more_libraries() -> bool:
    """Look for installed libraries where Python was started without (`-S`); False where that was done before."""
    if not sys.flags.no_site or "site" in sys.modules:
        return False
    import site

    site.main()
    return True


def _verbosity(places: dict[str, str]) -> int:
    text = places["verbosity"] or "1"
    if text not in ("1", "2", "3"):
        raise InputError(f"{text!r} is no level; it is 1, 2 or 3", field="-v")
    return int(text)


def process(command: str, argv: Sequence[str]) -> NoReturn:
    """Be the process of a command; it ends at once, since taking Python down in order takes a millisecond."""
    code = run(ACTIONS[command], argv)
    sys.stderr.flush()
    os._exit(code)


def sighting() -> NoReturn:
    """tq-sighting."""
    process("tq-sighting", sys.argv[1:])


def add_ioc() -> NoReturn:
    """tq-add-ioc."""
    process("tq-add-ioc", sys.argv[1:])


def lookup() -> NoReturn:
    """tq-lookup."""
    process("tq-lookup", sys.argv[1:])


def mark_true_positive() -> NoReturn:
    """tq-mark-true-positive."""
    process("tq-mark-true-positive", sys.argv[1:])


def mark_false_positive() -> NoReturn:
    """tq-mark-false-positive."""
    process("tq-mark-false-positive", sys.argv[1:])


def whitelist_ioc() -> NoReturn:
    """tq-whitelist-ioc."""
    process("tq-whitelist-ioc", sys.argv[1:])
