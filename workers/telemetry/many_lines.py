"""PlainLines of the log that come by the thousand in a second, for a small part of what others cost."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from workers.telemetry.logs import PlainLines


class ManyLines:
    """Logs events of one sort on level info, those of one turn of the event loop together.

    No field may hold a secret, or text that a sender is free to choose: nothing is masked.
    """

    def __init__(self, logger: str, event: str) -> None:
        self._logger = logging.getLogger(logger)
        self._event = event
        self._lines = PlainLines()

    def add(self, fields: dict[str, Any]) -> None:
        """Log one event; called on the event loop."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._write)
        self._lines.append(fields)

    def _write(self) -> None:
        lines, self._lines = self._lines, PlainLines()
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        shared = {"event": self._event, "logger": self._logger.name, "level": "info", "timestamp": moment}
        for fields in lines:
            fields.update(shared)
        self._logger.info(lines)
