"""make bench-compare: two revisions measured in turns, and what has changed between them beyond the noise."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from benchmarks.run import check
from benchmarks.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[1]

#: Rounds from which ranges that do not overlap are hardly chance: with five on each side, 1 in 126.
ENOUGH_ROUNDS = 5

#: Figures that tell of the run and not of the code.
ASIDE = ("took_s", "machine.", "each_round", "began")

Figures = Mapping[str, list[float]]


class Change(Struct, frozen=True):
    """One figure of both revisions, in every round."""

    figure: str
    before: list[float]
    after: list[float]
    target: Target | None = None

    @property
    def is_beyond_noise(self) -> bool:
        """Whether every round of one revision lies beyond every round of the other."""
        return min(self.after) > max(self.before) or max(self.after) < min(self.before)

    @property
    def percent(self) -> float:
        """How far the median moved."""
        before, after = statistics.median(self.before), statistics.median(self.after)
        return (after - before) / abs(before) * 100 if before else float("inf")

    @property
    def is_worse(self) -> bool:
        """Whether it moved away from its goal, beyond the noise; without a goal that cannot be said."""
        if self.target is None or not self.is_beyond_noise:
            return False
        return (self.percent > 0) == (self.target.at_most is not None)


def main(arguments: Sequence[str]) -> int:
    """Compare, print and return 1 where a figure that has a goal is worse."""
    given = _parser().parse_args(arguments)
    check(given.benchmarks)
    with revision(given.rev) as before:
        measured = {name: measure(name, before, given.rounds) for name in given.benchmarks}
    changes = [change for name, sides in measured.items() for change in compared(name, *sides)]
    show(changes, given.rev, given.rounds)
    return int(any(change.is_worse for change in changes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-compare", description=__doc__)
    parser.add_argument("rev", help="the revision to compare this working tree with")
    parser.add_argument("benchmarks", nargs="*", default=["accept", "events", "http", "stub"])
    parser.add_argument("--rounds", type=int, default=ENOUGH_ROUNDS)
    return parser


@contextmanager
def revision(rev: str) -> Iterator[Path]:
    """Yield a checkout of `rev` with an installation of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tq-compare-") as folder:
        tree = Path(folder, "tree")
        _git("worktree", "add", "--detach", str(tree), rev)
        try:
            subprocess.run(["make", "-C", tree, "install"], check=True, stdout=sys.stderr, timeout=1_800)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    done = subprocess.run(
        ["git", "-C", ROOT, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")


def measure(name: str, before: Path, rounds: int) -> tuple[Figures, Figures]:
    """Return the figures of both trees; who begins changes each round, so that a slow drift favours neither."""
    sides: tuple[dict[str, list[float]], dict[str, list[float]]] = ({}, {})
    for number in range(rounds):
        order = [(sides[0], before), (sides[1], ROOT)]
        for figures, tree in order if number % 2 == 0 else reversed(order):
            print(f"{name}, round {number + 1} of {rounds}: {tree}", file=sys.stderr)
            for path, value in flat(run(tree, name)):
                figures.setdefault(path, []).append(value)
    return sides


def run(tree: Path, name: str) -> dict[str, Any]:
    """Return the result of one benchmark of a tree."""
    with tempfile.TemporaryDirectory(prefix="tq-compare-") as results:
        done = subprocess.run(
            [tree / ".venv/bin/python", "-m", "benchmarks.run", name],
            cwd=tree,
            env={**os.environ, "BENCH_RESULTS": results},
            capture_output=True,
            text=True,
            timeout=7_200,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{name} in {tree} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    # Behind the JSON stands what became of the goals.
    result, _ = json.JSONDecoder().raw_decode(done.stdout)
    return dict(result)


def flat(result: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield each figure of a result with its dotted path, but those that tell of the run and not of the code."""
    if isinstance(result, bool) or path.startswith(ASIDE) or path.endswith(ASIDE):
        return
    if isinstance(result, int | float):
        yield path, float(result)
    elif isinstance(result, dict | list):
        for key, value in result.items() if isinstance(result, dict) else enumerate(result):
            yield from flat(value, f"{path}.{key}" if path else str(key))


def compared(name: str, before: Figures, after: Figures) -> list[Change]:
    """Return each figure that both revisions have."""
    targets = {target.figure: target for target in TARGETS.get(name, ())}
    return [
        Change(f"{name}.{path}", values, after[path], targets.get(path))
        for path, values in before.items()
        if path in after
    ]


def show(changes: Sequence[Change], rev: str, rounds: int) -> None:
    """Print what changed beyond the noise, the worst first, and how much did not."""
    moved = sorted(
        (change for change in changes if change.is_beyond_noise),
        key=lambda change: (not change.is_worse, change.figure),
    )
    table = Table(
        "figure", "before", "after", "change", "", title=f"{rev} and this tree, {rounds} rounds each"
    )
    for change in moved:
        percent = f"{change.percent:+.1f} %"
        table.add_row(change.figure, spread(change.before), spread(change.after), percent, verdict(change))
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(
        *([table] if moved else []), f"{len(changes) - len(moved)} figures are within the noise", sep="\n"
    )
    if rounds < ENOUGH_ROUNDS:
        console.print(f"fewer than {ENOUGH_ROUNDS} rounds: this may be chance")


def spread(values: Sequence[float]) -> str:
    """Return the median with the least and the greatest value."""
    return f"{statistics.median(values):,g} ({min(values):,g}-{max(values):,g})"


def verdict(change: Change) -> str:
    """Return whether a change is for the worse, where that can be said."""
    return "" if change.target is None else "WORSE" if change.is_worse else "better"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
