"""One line of `tqctl check`: what was looked at, how it is, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from workers.errors import ConfigError, TqError

#: Whether it is right, will become a problem, or is one.
State = Literal["ok", "warning", "failed"]


class Line(Struct, frozen=True):
    """`code` is the exit code of the whole check if this line failed."""

    area: str
    what: str
    state: State
    found: str
    remedy: str = ""
    code: int = 0


def ok(area: str, what: str, found: str) -> Line:
    """Say that something is right."""
    return Line(area, what, "ok", found)


def warning(area: str, what: str, found: str, remedy: str) -> Line:
    """Say that something works but will hurt."""
    return Line(area, what, "warning", found, remedy)


def failed(area: str, what: str, found: str, remedy: str, *, code: int = 1) -> Line:
    """Say that something does not work."""
    return Line(area, what, "failed", found, remedy, code)


def failed_with(area: str, what: str, error: TqError, remedy: str = "") -> Line:
    """Say what an error of ours says; its own words hold the remedy unless there is a better one."""
    usual = "correct the setting that is named" if isinstance(error, ConfigError) else "see what it says"
    return failed(area, what, str(error), remedy or usual, code=error.exit_code)


def tried(area: str, what: str, call: Callable[[], object], found: str) -> Line:
    """Say that `call` does what it should, or which error of ours it raises."""
    try:
        call()
    except TqError as error:
        return failed_with(area, what, error)
    return ok(area, what, found)
