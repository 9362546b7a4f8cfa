"""`tqctl check`: is everything there and set up right? All areas are looked at side by side, for a bounded time."""

from __future__ import annotations

import queue
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from tqctl.checks.audit import check_audit
from tqctl.checks.here import check_here
from tqctl.checks.ingest import check_ingest
from tqctl.checks.line import CheckLine, failed, failed_with
from tqctl.checks.logrhythm import check_logrhythm
from tqctl.checks.notices import check_notices
from tqctl.checks.redis import check_redis
from tqctl.checks.threatq import check_threatq
from tqctl.checks.workers import check_workers
from tqctl.shell import Shell
from workers.core.errors import ConfigError, TqError

#: Seconds after which an area that is not through counts as failed.
WITHIN_S = 12.0

#: The areas in the order in which a system comes up: nothing works before what stands left of it does.
COMES_UP = ("here", "threatq", "redis", "workers", "logrhythm", "notices", "audit")

#: Looks at one area.
Check = Callable[[], Iterable[CheckLine]]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
    parser.add_argument(
        "--only",
        choices=COMES_UP,
        help="look at one area alone",
    )


def run(shell: Shell, options: Namespace) -> int:
    """Check, and return the highest exit code of what failed; warnings are no failure."""
    lines = check(shell, only=options.only or "")
    shell.show([to_builtins(line) for line in lines], _words)
    return max((line.code for line in lines), default=0)


def check(shell: Shell, *, only: str = "", within_s: float = WITHIN_S) -> list[CheckLine]:
    """Return the lines of all areas in their order."""
    try:
        loaded, admin = shell.loaded, shell.admin
    except ConfigError as error:
        return [failed_with("here", "settings", error)]
    settings = loaded.settings
    areas: dict[str, Check] = {
        "here": partial(check_here, loaded),
        "redis": lambda: chain(check_redis(admin, settings), check_ingest(admin, settings)),
        "workers": partial(check_workers, admin, settings),
        "threatq": partial(check_threatq, loaded),
        "logrhythm": partial(check_logrhythm, loaded),
        "notices": partial(check_notices, admin, settings),
        "audit": partial(check_audit, admin.redis, settings),
    }
    return side_by_side({name: look for name, look in areas.items() if only in ("", name)}, within_s)


def side_by_side(areas: dict[str, Check], within_s: float) -> list[CheckLine]:
    """Look at all areas at once; one that is not through within `within_s` seconds keeps what it has found."""
    answers: queue.SimpleQueue[tuple[str, CheckLine | None]] = queue.SimpleQueue()
    for name, look in areas.items():
        # Daemons: a call that hangs must not hold the command.
        threading.Thread(target=_look, args=(name, look, answers), daemon=True).start()
    lines: dict[str, list[CheckLine]] = {name: [] for name in areas}
    open_areas, deadline = set(areas), time.monotonic() + within_s
    while open_areas:
        try:
            name, line = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if line is None:
            open_areas.discard(name)
        else:
            lines[name].append(line)
    for name in open_areas:
        late = failed(name, "time", f"not through within {within_s:g} s", "try again; is it slow?", code=3)
        lines[name].append(late)
    return [line for name in areas for line in lines[name]]


def _look(name: str, look: Check, answers: queue.SimpleQueue[tuple[str, CheckLine | None]]) -> None:
    try:
        for line in look():
            answers.put((name, line))
    except TqError as error:
        answers.put((name, failed_with(name, "answers", error)))
    except Exception as error:
        answers.put((name, failed(name, "check", f"{type(error).__name__}: {error}", "report this fault")))
    finally:
        answers.put((name, None))


def _words(lines: list[dict[str, Any]]) -> Iterator[Shown]:
    rows = [[line["state"], line["area"], line["what"], _found(line)] for line in lines]
    yield Grid("", ("", "area", "what", "found, and what to do"), rows)
    counts = [
        f"{sum(line['state'] == state for line in lines)} {state}" for state in ("ok", "warning", "failed")
    ]
    yield ", ".join(counts)
    if step := next_step(lines):
        yield f"Next step: {step['area']}, {step['what']}: {step['remedy']}"


def next_step(lines: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the failure to mend first, None where nothing has failed."""
    steps = [line for line in lines if line["state"] == "failed"]
    return min(steps, key=lambda line: COMES_UP.index(line["area"]), default=None)


def _found(line: dict[str, Any]) -> str:
    return f"{line['found']} → {line['remedy']}" if line["remedy"] else str(line["found"])
