"""What is told of an action: plain text for LogRhythm's result window, then one line in the log."""

from __future__ import annotations

import os
import time

from workers.core import light_json
from workers.core.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from producers.smart_response.notes import IndicatorNote, Note

    #: A line of the answer: its label, and what stands behind it; a line without that is left out.
    Row = tuple[str, str | int | None]

#: Width of the left column.
WIDTH = 14

#: Rows of one kind that are shown; the window cuts long texts without a word.
MOST_ROWS = 25

#: What the guide's verbosity levels let through.
PROBLEMS, ACTIONS, DETAILS = 1, 2, 3

#: Bytes after which a log file is set aside as `.1`.
FILE_BYTES = 10_000_000


def done(name: str, job_id: str, note: Note) -> str:
    """Return the text for an action that was carried out; `note` is the result that the job keeps."""
    sentence = note.get("said") or "Done"
    if "event_id" in note:
        rows = list(_event(note))
    elif "indicator" in note:
        rows = list(_indicator(note["indicator"]))
    else:
        rows = [("Indicator", note.get("asked"))]
    rows += [("Note", text) for text in (*note.get("notes", ()), *note.get("warnings", ()))]
    return _page(f"{name}: {sentence}", (*rows, ("Job", job_id)))


def dead(name: str, job_id: str, note: Note) -> str:
    """Return the text for an action that will never work as it is."""
    return _page(f"{name}: FAILED", [("Reason", note.get("reason") or "unknown"), ("Job", job_id)])


def refused(name: str, job_id: str, note: Note) -> str:
    """Return the text for an action that a worker has refused: it may be corrected and asked for again."""
    return _page(
        f"{name}: NOT DONE",
        [
            ("Reason", note.get("reason") or "unknown"),
            ("What now", "correct it and run the action again"),
            ("Job", job_id),
        ],
    )


def accepted(name: str, job_id: str, why: str, *, paused: bool = False) -> str:
    """Return the text for an action whose outcome is not known yet, maybe since its queue is `paused`."""
    when = "it will be done once an operator lets the queue go on" if paused else "it will be done"
    return _page(
        f"{name}: accepted, not done yet",
        [
            ("Why", why),
            ("What now", f"{when}; nothing needs to be repeated"),
            ("Job", job_id),
            ("See later", f"tq-job {job_id}"),
        ],
    )


def kept(name: str, job_id: str, why: str, folder: str) -> str:
    """Return the text for an action that waits on this machine's disk."""
    return _page(
        f"{name}: kept on this machine, not sent yet",
        [
            ("Why", why),
            ("What now", "the next ThreatQ action on this machine sends it; nothing needs to be repeated"),
            ("Kept in", folder),
            ("Job", job_id),
        ],
    )


def failed(name: str, reason: str) -> str:
    """Return the text for what was not even accepted."""
    return f"{name}: NOT DONE\n\n{_lines(reason)}"


def _indicator(indicator: IndicatorNote) -> Iterator[Row]:
    score = indicator.get("score")
    yield "Indicator", f"{indicator['type']} {indicator['value']}"
    yield "Status", indicator.get("status")
    yield "Score", "not scored" if score is None else f"{score} ({indicator.get('score_label')})"
    yield "Sources", ", ".join(indicator.get("sources", ()))
    yield "Adversaries", ", ".join(indicator.get("adversaries", ()))
    attributes = indicator.get("attributes", ())
    for name, value in attributes[:MOST_ROWS]:
        yield "Attribute", f"{name}: {value}"
    if len(attributes) > MOST_ROWS:
        yield "Attribute", f"… and {len(attributes) - MOST_ROWS} more (see the link)"
    for label, date in (
        ("Created", indicator.get("created_at")),
        ("Updated", indicator.get("updated_at")),
        ("Last seen", indicator.get("last_detected_at")),
        ("Expires", indicator.get("expires_at")),
    ):
        yield label, f"{date} UTC" if date else None
    yield "Link", indicator.get("link")


def _event(note: Note) -> Iterator[Row]:
    yield "Event", note.get("event_id")
    for made in note.get("indicators", ())[:MOST_ROWS]:
        yield "Indicator", f"{made.get('type', '')} {made.get('value', '')}".strip()
    for left in note.get("left_out", ()):
        yield "Not related", f"{left.get('what')}: {left.get('why')}"
    yield "Link", note.get("link")


def _page(head: str, rows: Iterable[Row]) -> str:
    lines, last = [head, ""], ""
    for label, value in rows:
        if value in (None, ""):
            continue
        text = _lines(str(value), indent=" " * WIDTH)
        lines.append(f"{'' if label == last else label:<{WIDTH}}{text}")
        last = label
    return "\n".join(lines)


def _lines(text: str, *, indent: str = "") -> str:
    """Return the lines of `text`, which may come from anywhere, with nothing in them that a terminal would obey."""
    return f"\n{indent}".join(map(printable, text.splitlines()))


#: Where tq-conn-logrhythm may log, whose folder the actions share, that is no folder.
NO_FOLDERS = ("", "stdout", "stderr")


def _put_aside(log: str) -> None:
    """Rename a full log; on Windows one that another process has open keeps its name, and a later run does this."""
    try:
        os.replace(log, f"{log}.1")
    except OSError:
        return


class RunLog:
    """The log of one command in one folder; what is no folder means none, as the answer itself is printed."""

    def __init__(self, folder: str, verbosity: int, command: str) -> None:
        self._path = os.path.join(folder, f"{command}.log") if folder not in NO_FOLDERS else ""
        self._verbosity = verbosity
        self._command = command
        self._details: dict[str, Any] = {}

    def detail(self, **fields: Any) -> None:
        """Remember what is only logged at the highest verbosity."""
        self._details.update(fields)

    def write(self, event: str, *, exit_code: int, **fields: Any) -> str:
        """Append a line; return why that was not possible, or ""."""
        if not self._path or self._verbosity < (PROBLEMS if exit_code else ACTIONS):
            return ""
        line = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "level": "error" if exit_code else "info",
            "event": event,
            "command": self._command,
            "exit_code": exit_code,
            **fields,
            **(self._details if self._verbosity >= DETAILS else {}),
        }
        try:
            self._append(light_json.write(line, item=", ", key=": ") + "\n")
        except OSError as error:
            return (
                f"the log {self._path} cannot be written ({error.strerror}); create the folder or change -ll"
            )
        return ""

    def _append(self, line: str) -> None:
        if os.path.exists(self._path) and os.path.getsize(self._path) > FILE_BYTES:
            _put_aside(self._path)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line)
