"""make chaos: every scenario, or those that are named, each with an account; exit code 1 when a promise broke."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from chaos.account import Account, settle_up
from chaos.faults import (
    answers,
    beat,
    clock,
    disk,
    everything,
    failover,
    logrhythm,
    poison,
    producer,
    redis,
    storm,
    threatq,
    upgrade,
    worker,
)
from chaos.machine import machine
from chaos.scenario import LONG, SHORT, Scenario, Size
from chaos.scene import Scene, scene
from workers.core.errors import TqError

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for file in (
        worker,
        answers,
        redis,
        failover,
        disk,
        beat,
        threatq,
        producer,
        poison,
        clock,
        upgrade,
        logrhythm,
        storm,
        everything,
    )
    for scenario in file.fault.all
}


class ChaosRun(Struct):
    """One run of `make chaos`: how to play it again, when (UTC) and on what it was played, and its accounts.

    `remark` is what else a reader of it should know.
    """

    seed: int
    command: str
    at: str
    machine: dict[str, Any]
    accounts: list[Account]
    remark: str = ""


#: Where the last run is written.
RESULTS = Path(__file__).with_name("results")

out = Console(width=130, highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scenarios that are named, print their accounts and write them as JSON."""
    options = _parser().parse_args(argv)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    again = " ".join(
        ["make chaos", f"SEED={seed}", *([f'FAULT="{" ".join(options.fault)}"'] if options.fault else [])]
    )
    out.print(f"seed {seed}; the same schedule again: {again}", markup=False)
    began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    size = SHORT if options.short else LONG
    if options.minutes:
        size = replace(size, strikes_s=options.minutes * 60)
        again += f" MINUTES={options.minutes:g}"
    accounts: list[Account] = []
    for name in options.fault or SCENARIOS:
        accounts.append(play(SCENARIOS[name], seed, size))
        _write(ChaosRun(seed, again, began, machine(), accounts))
    out.print(table(accounts))
    return 0 if all(account.is_good for account in accounts) else 1


def play(scenario: Scenario, seed: int, size: Size, say: Callable[[str], None] | None = None) -> Account:
    """Run one scenario in a folder of its own and settle up."""
    say = say or _teller(scenario.name)
    say(scenario.what)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="tq-chaos-", ignore_cleanup_errors=True) as folder,
        _scene_of(scenario, Path(folder), say) as here,
    ):
        try:
            scenario.run(here, random.Random(f"{seed} {scenario.name}"), size)
            here.finish(within_s=size.patience_s, hurry=size.hurry)
        except Exception as error:
            # A scenario that broke off is one row of an account that took an hour.
            here.problems.append(str(error) if isinstance(error, TqError) else repr(error))
            here.mend()
            here.deliver()
        calls = here.calls()
        account = settle_up(scenario.name, here.sent, here.admin, here.threatq)
        account.calls = calls
        if here.judge:
            here.judge(account)
        here.expect(account.dead == here.may_die, f"{account.dead} jobs are dead, {here.may_die} should be")
    account.seconds = round(time.monotonic() - began, 1)
    account.notes += [*here.notes, *(f"{name} started anew {n} times" for name, n in here.restarts.items())]
    account.problems += here.problems
    say(
        f"accepted {account.accepted}, done {account.done}, dead {account.dead}, lost {account.lost}, "
        f"doubled {account.doubled}, incomplete {account.incomplete}"
    )
    return account


def _scene_of(scenario: Scenario, folder: Path, say: Callable[[str], None]) -> AbstractContextManager[Scene]:
    return scene(
        folder,
        say,
        appendfsync=scenario.appendfsync,
        replicated=scenario.replicated,
        environ=scenario.environ,
    )


def table(accounts: Sequence[Account]) -> Table:
    """Return the accounts as a table."""
    shown = Table(title="The account", title_justify="left")
    for column in (
        "fault",
        "accepted",
        "done",
        "dead",
        "lost",
        "doubled",
        "incomplete",
        "calls",
        "seconds",
        "notes",
    ):
        shown.add_column(column, justify="left" if column in ("fault", "notes") else "right")
    for account in accounts:
        figures = (
            account.accepted,
            account.done,
            account.dead,
            account.lost,
            account.doubled,
            account.incomplete,
            account.calls,
            account.seconds,
        )
        notes = "\n".join([*(f"BROKEN: {problem}" for problem in account.problems), *account.notes[:8]])
        shown.add_row(account.fault, *map(str, figures), notes, style="" if account.is_good else "bold red")
    return shown


def _teller(name: str) -> Callable[[str], None]:
    began = time.monotonic()
    return lambda text: out.print(f"{time.monotonic() - began:6.1f}  {name}: {text}", markup=False)


def _write(run: ChaosRun) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "last.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument(
        "fault", nargs="*", choices=[[], *SCENARIOS], metavar="FAULT", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--seed", type=int, help="the seed of an earlier run, whose schedule is played again")
    parser.add_argument("--short", action="store_true", help="the form that is part of make test")
    parser.add_argument("--minutes", type=float, help="for how long everything is struck (default: 30)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
