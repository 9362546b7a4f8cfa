"""Logs: key-value lines on the console or JSON lines in a rotating file, one record a line, secrets never."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import msgspec
import structlog

from workers.core.errors import ConfigError
from workers.core.urls import without_passwords
from workers.settings.model import Secret
from workers.telemetry.log_file import LogFile
from workers.telemetry.repeats import Repeats

#: The guide's verbosity levels.
LEVELS = {1: logging.WARNING, 2: logging.INFO, 3: logging.DEBUG}

#: The locations that are no folder. Commands log to standard error unless told otherwise, since they print their
#: results on standard output.
STDOUT, STDERR = "stdout", "stderr"

#: What a command says of its flag -ll.
LOCATION_HELP = "folder for the log, or 'stdout': standard output (default: standard error)"

SECRET_NAME = re.compile(r"passw|secret|token|authorization|(?:api|access)[_-]?key|cookie", re.IGNORECASE)
_BEARER = re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]+")


def set_up(level: int = logging.INFO, *, location: str = STDERR, name: str = "tq") -> None:
    """Send the logs of this process, those of its libraries included, to `location` (a folder, STDOUT or STDERR).

    In a folder the file is `<name>.log`. Raises ConfigError when the folder is not there or not writable.
    """
    handler = _console(location) if location in (STDOUT, STDERR) else _file(location, name)
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class PlainLines(list[dict[str, Any]]):
    """Events that are logged together as they are: the caller knows that no value holds a secret or is odd."""


def say_repeats(*, now: bool = False) -> None:
    """Say how often warnings were repeated in a minute that is over; `now`, as the process ends, in this one too."""
    for handler in logging.getLogger().handlers:
        for repeats in handler.filters:
            if isinstance(repeats, Repeats):
                repeats.end_window(now=now)


def masked(value: Any) -> Any:
    """Return `value` with every secret in it as stars."""
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, str):
        return _BEARER.sub(r"\1 ***", without_passwords(value))
    if isinstance(value, Mapping):
        return {
            name: "***" if SECRET_NAME.search(str(name)) and inner else masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    return value


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    masks: dict[str, Any] = masked(event)
    return masks


#: What a line begins with where it is no JSON.
_FIRST = ["timestamp", "level", "event"]

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def _console(location: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stdout if location == STDOUT else sys.stderr)
    # repr() in this renderer escapes line ends, terminal controls and text direction marks.
    handler.setFormatter(_Formatter(structlog.processors.KeyValueRenderer(key_order=_FIRST), _key_values))
    return handler


def _file(folder: str, name: str) -> logging.Handler:
    if not os.path.isdir(folder):
        raise ConfigError(f"{folder} is not a folder; mkdir -p {folder}", field="loglocation")
    path = os.path.join(folder, f"{name}.log")
    try:
        handler = LogFile(path)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}", field="loglocation") from error
    handler.setFormatter(_Formatter(structlog.processors.JSONRenderer(default=str), _json))
    return handler


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Formats what goes through the processors, and past them `PlainLines`, each event by `plain`."""

    def __init__(self, renderer: Any, plain: Callable[[dict[str, Any]], str]) -> None:
        super().__init__(
            foreign_pre_chain=_SHARED,
            processors=[self.remove_processors_meta, _mask, renderer],
        )
        self._plain = plain

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of an event, or those of several."""
        if isinstance(record.msg, PlainLines):
            return "\n".join(map(self._plain, record.msg))
        return super().format(record)


def _key_values(event: dict[str, Any]) -> str:
    first = {name: event[name] for name in _FIRST}
    return " ".join(f"{name}={value!r}" for name, value in (first | event).items())


def _json(event: dict[str, Any]) -> str:
    return msgspec.json.encode(event).decode()
