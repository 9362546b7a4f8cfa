"""`tqctl capacity`: where the limits are, how far it is to them, and what happens there."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, to_builtins

from producers.cli.tables import Grid, Shown
from producers.enqueue import spool_of
from tqctl.shell import Shell
from workers.core.text import size
from workers.ledger.overview import overview
from workers.ledger.quarantine import Quarantine
from workers.ledger.spool import MOST_BYTES
from workers.ledger.status import memory
from workers.ledger.sync_runs import history
from workers.ledger.usage import STEPS_A_DAY, forecast, pace, usages

#: Runs of the list sync that are looked through for the last size of each list.
RUNS = 200


class Limit(Struct, frozen=True):
    """How much of something there is, how much there may be (None: no limit), and what happens then."""

    what: str
    used: int
    limit: int | None
    unit: str
    then: str

    @property
    def percent(self) -> float | None:
        """The share of the limit that is used."""
        return None if not self.limit else 100 * self.used / self.limit


def add_arguments(parser: ArgumentParser) -> None:
    """Declare no arguments."""
    parser.set_defaults(run=run)


def run(shell: Shell, _options: Namespace) -> int:
    """Show every limit."""
    rows = list(limits(shell))
    value = [{**to_builtins(limit), "percent": limit.percent} for limit in rows]
    shell.show(value, _words)
    return 0


def limits(shell: Shell) -> Iterator[Limit]:
    """Yield the limits; raises ServiceAway("redis")."""
    settings = shell.settings
    state = overview(shell.admin.redis)
    for queue in state.queues:
        yield Limit(
            f"open jobs in {queue.name}",
            queue.open,
            settings.max_open_jobs,
            "jobs",
            "producers refuse or spool",
        )
    used, most = memory(shell.admin.redis)
    refused_at = int(most * settings.memory_percent / 100) or None
    yield Limit(
        "Redis' memory until producers refuse",
        used,
        refused_at,
        "bytes",
        "producers refuse or spool (memory_percent)",
    )
    yield Limit("Redis' memory", used, most or None, "bytes", "Redis refuses to write (maxmemory)")
    yield from _memory(shell, used, refused_at)
    yield Limit("spool on this machine", spool_of(shell.loaded).size(), MOST_BYTES, "bytes", "commands fail")
    yield Limit("dead letters", state.dead, None, "jobs", "kept until an operator acts (tqctl dead list)")
    quarantine, then = Quarantine(shell.admin.redis), "producers refuse"
    yield Limit("quarantine", quarantine.count(), settings.max_quarantined, "items", then)
    yield Limit("quarantine, compressed", quarantine.size(), settings.max_quarantined_bytes, "bytes", then)
    for name, count in _lists(shell).items():
        yield Limit(
            f"list {name}", count, settings.sync_list_maximum, "entries", "the lowest scores are left out"
        )
    days = f"without their content after {settings.keep_bodies_days:g} days (keep_bodies_days)"
    yield Limit("done jobs", state.done, None, "jobs", days)


def _memory(shell: Shell, used: int, refused_at: int | None) -> Iterator[Limit]:
    """Yield what fills the memory, measured on samples, and where that ends at the pace of the last day."""
    settings = shell.settings
    measured = usages(shell.admin.redis)
    for usage in measured:
        each = f"{usage.count:,}, about {usage.each:,.0f} bytes each; {usage.remedy}"
        yield Limit(f"memory of {usage.kind}", usage.total, refused_at, "bytes", each)
    days = {"keep_bodies_days": settings.keep_bodies_days, "keep_markers_days": settings.keep_markers_days}
    pace_ = pace(shell.admin.redis, **days)
    coming = list(forecast(measured, used, pace_))
    full = next((step for step, size_ in enumerate(coming) if refused_at and size_ > refused_at), None)
    then = "it does not grow beyond that"
    if full is not None:
        then = f"full in {full / STEPS_A_DAY:g} days: raise maxmemory, or lower keep_bodies_days or keep_markers_days"
    name = f"Redis' memory in {settings.keep_markers_days:g} days at {pace_.jobs_a_day:,.0f} jobs a day"
    yield Limit(name, coming[-1], refused_at, "bytes", then)


def _lists(shell: Shell) -> dict[str, int]:
    """Return the entries of each list after the last run that wrote it."""
    runs = reversed(history(shell.admin.redis, most=RUNS))
    return {result.name: result.entries for run in runs for result in run.lists if not run.is_planned}


def _words(value: list[dict[str, Any]]) -> Iterator[Shown]:
    yield Grid("", ("what", "used", "limit", "share", "then"), [_row(limit) for limit in value])


def _row(limit: dict[str, Any]) -> list[str]:
    def shown(count: int | None) -> str:
        if count is None:
            return "none"
        return size(count) if limit["unit"] == "bytes" else str(count)

    share = "" if limit["percent"] is None else f"{limit['percent']:.1f} %"
    return [limit["what"], shown(limit["used"]), shown(limit["limit"]), share, limit["then"]]
