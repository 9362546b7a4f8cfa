"""One line in the log for each action, written after the analyst has the answer."""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What the guide's verbosity levels let through.
PROBLEMS, ACTIONS, DETAILS = 1, 2, 3

#: Bytes after which a log file is set aside as `.1`.
FILE_BYTES = 10_000_000


class RunLog:
    """The log of one command in one folder; "" and "stdout" mean none, as the answer itself is printed."""

    def __init__(self, folder: str, verbosity: int, command: str) -> None:
        self._path = os.path.join(folder, f"{command}.log") if folder not in ("", "stdout") else ""
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
            self._append(json.dumps(line) + "\n")
        except OSError as error:
            return (
                f"the log {self._path} cannot be written ({error.strerror}); create the folder or change -ll"
            )
        return ""

    def _append(self, line: str) -> None:
        if os.path.exists(self._path) and os.path.getsize(self._path) > FILE_BYTES:
            os.replace(self._path, f"{self._path}.1")
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line)
