"""One line of `tqctl check`: what was looked at, how it is, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from workers.core.errors import ConfigError, ServiceAway, TqError

#: Whether it is right, will become a problem, or is one.
State = Literal["ok", "warning", "failed"]


#: What to do about a service that does not answer.
REACH = {
    "redis": "start it, or correct TQ_REDIS_URL (rediss:// only where it speaks TLS); jobs wait in the spools",
    "threatq": "start it, or correct TQ_THREATQ_URL; jobs wait and lose nothing",
    "logrhythm": "start its API gateway, or correct logrhythm_url; runs wait and lose nothing",
}


class CheckLine(Struct, frozen=True):
    """`code` is the exit code of the whole check if this line failed."""

    area: str
    what: str
    state: State
    found: str
    remedy: str = ""
    code: int = 0


def ok(area: str, what: str, finding: str) -> CheckLine:
    """Say that something is right."""
    return CheckLine(area, what, "ok", finding)


def warning(area: str, what: str, finding: str, remedy: str) -> CheckLine:
    """Say that something works but will hurt."""
    return CheckLine(area, what, "warning", finding, remedy)


def failed(area: str, what: str, finding: str, remedy: str, *, code: int = 1) -> CheckLine:
    """Say that something does not work."""
    return CheckLine(area, what, "failed", finding, remedy, code)


def failed_with(area: str, what: str, error: TqError, remedy: str = "") -> CheckLine:
    """Say what an error of ours says, with the usual remedy for its kind unless there is a better one."""
    return failed(area, what, str(error), remedy or _usual(error), code=error.exit_code)


def _usual(error: TqError) -> str:
    if isinstance(error, ConfigError):
        return "correct the setting that is named"
    if isinstance(error, ServiceAway):
        return REACH[error.service]
    return "correct what is named"


def tried(area: str, what: str, call: Callable[[], object], finding: str) -> CheckLine:
    """Say that `call` does what it should, or which error of ours it raises."""
    try:
        call()
    except TqError as error:
        return failed_with(area, what, error)
    return ok(area, what, finding)
