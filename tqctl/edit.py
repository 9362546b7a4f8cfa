"""`tqctl dead edit`: a dead letter's arguments are corrected, tried without ThreatQ, and replayed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqctl.jobs import known
from tqctl.quarantine import QuarantineAdmin
from tqctl.shell import Shell
from workers.core.errors import InputError
from workers.core.jobs import compact
from workers.events.planning import PLANNERS
from workers.ledger.ledger import compress
from workers.ledger.quarantine import QuarantinedItem
from workers.ledger.records import Record
from workers.payload.options import from_settings
from workers.settings.redaction import redaction_of


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Without --set and --file, the arguments open in EDITOR."
    add = parser.add_argument
    add("id")
    add(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="for example payload.event_type=Sighting; a value that is JSON is taken as such",
    )
    add("--file", type=Path, help="a file that holds the whole arguments as JSON")
    add("--force", action="store_true", help="replay although it would be refused again")


def run(shell: Shell, options: Namespace) -> int:
    """Correct a dead letter, or a quarantined item, and replay it."""
    quarantine = QuarantineAdmin(shell)
    if item := quarantine.item(options.id):
        return _edit_quarantined(shell, quarantine, item, options)
    record = known(shell, options.id)
    if record.state != "dead":
        raise InputError(f"is {record.state}; only dead letters are edited", field=record.id)
    before = shell.admin.arguments(record.id) or {}
    after = redaction_of(shell.settings.redact).value(_edited(before, options))
    if after == before:
        raise InputError("nothing was changed; tqctl dead replay tries it as it is", field=record.id)
    if not options.force:
        _check(record, after, shell)
    body = compress(compact(after))
    opened = shell.admin.replay([record.id], note=note_of(shell, "edited and replayed"), body=body)
    shell.ledger.wake(record.queue)
    shell.show({"replayed": opened, "arguments": after}, lambda _: [f"{record.id} is corrected and replayed"])
    return 0 if opened else 1


def _edit_quarantined(
    shell: Shell, quarantine: QuarantineAdmin, item: QuarantinedItem, options: Namespace
) -> int:
    if options.set:
        raise InputError("it is no job yet, so its text is corrected as a whole", field="--set")
    repaired = _bytes_of(options.file) if options.file else _edited_text(item.raw)
    if repaired == item.raw:
        raise InputError("nothing was changed; tqctl dead replay reads it as it is", field=item.id)
    released = quarantine.release(item.id, repaired)
    shell.show({"released": released}, lambda _: [f"{item.id} is corrected: {len(released)} jobs"])
    return 0


def note_of(shell: Shell, what: str) -> dict[str, str]:
    """Return what the history says about a replay: what was done, by whom."""
    return {"reason": f"{what} by {shell.audit.actor.name}"}


def with_value(arguments: dict[str, Any], assignment: str) -> dict[str, Any]:
    """Return a copy of `arguments` in which `path=value` is so; raises InputError for a path that is not there."""
    path, equals, text = assignment.partition("=")
    names = path.split(".")
    if not equals or not all(names):
        raise InputError(f"{assignment!r} is no PATH=VALUE", field="--set")
    changed: dict[str, Any] = json.loads(json.dumps(arguments))
    inner: Any = changed
    for name in names[:-1]:
        inner = inner.get(name) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        raise InputError(f"{path}: there is no {'.'.join(names[:-1])} in the arguments", field="--set")
    inner[names[-1]] = _value(text)
    return changed


def _edited(arguments: dict[str, Any], options: Namespace) -> dict[str, Any]:
    if options.file:
        arguments = _decoded(_bytes_of(options.file))
    for assignment in options.set:
        arguments = with_value(arguments, assignment)
    return arguments if options.file or options.set else _in_editor(arguments)


def _in_editor(arguments: dict[str, Any]) -> dict[str, Any]:
    return _decoded(_edited_text((json.dumps(arguments, indent=2) + "\n").encode()))


def _edited_text(text: bytes) -> bytes:
    """Return what a person makes of `text` in the editor."""
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    if not (chosen or (sys.stdin and sys.stdin.isatty())):
        raise InputError("there is no terminal to edit in; use --set or --file, or set EDITOR")
    editor = shlex.split(chosen or "vi")
    with tempfile.TemporaryDirectory(prefix="tqctl-") as folder:
        path = Path(folder) / "arguments.json"
        path.write_bytes(text)
        try:
            code = subprocess.run([*editor, str(path)], check=False).returncode
        except OSError as error:
            raise InputError(
                f"{editor[0]} cannot be started ({error.strerror}); set EDITOR, or use --set or --file"
            ) from error
        if code:
            raise InputError(f"{editor[0]} ended with code {code}; nothing was changed")
        return path.read_bytes()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", field="--file") from error


def _decoded(text: bytes) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise InputError(f"the text is no JSON ({error}); nothing was changed", field="--file") from error
    if not isinstance(arguments, dict):
        raise InputError("the arguments are one JSON object; nothing was changed", field="--file")
    return arguments


def _check(record: Record, arguments: dict[str, Any], shell: Shell) -> None:
    """Raise InputError when the job would die again before it reaches ThreatQ."""
    planner = PLANNERS.get(record.kind)
    if planner is None:
        return
    accepted = datetime.fromtimestamp(record.accepted_ms / 1000, UTC)
    try:
        planner(arguments, accepted, from_settings(shell.settings))
    except InputError as error:
        raise InputError(f"{error} (it would be refused again; --force replays it all the same)") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"these are no arguments of {record.kind}: {error!r}") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
