"""What the core of a list sync costs: CPU seconds and peak memory, one process for each figure.

    python benchmarks/list_diff.py                  every case at 10,000, 100,000 and 1,000,000
    python benchmarks/list_diff.py changed 100000   one case

`sets`, `digests` and `sqlite` are the designs that were not chosen, on the same values.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from hashlib import blake2b, sha256
from pathlib import Path

import msgspec

from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.naming import ListKey
from workers.listsync.plan.plan import CollectionSource, ListPlan, ListTarget, Rules, plan_list
from workers.listsync.plan.spill import Spill
from workers.listsync.plan.types import TypeTable
from workers.threatq.rows import Row
from workers.threatq.score_bands import ScoreBands

PAGE = 1_000
SIZES = (10_000, 100_000, 1_000_000)
NAME = "T: SHA-256"


class ItemPage(msgspec.Struct):
    """A page of ThreatQ's library."""

    data: list[Row]


class Stopwatch:
    """Adds up CPU seconds of what runs inside it; making the test data stays outside."""

    seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._start


def value(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()


def values(start: int, end: int) -> Iterator[list[str]]:
    """Yield values page by page."""
    for first in range(start, end, PAGE):
        yield [value(number) for number in range(first, min(first + PAGE, end))]


def page(numbers: range) -> bytes:
    rows = [
        {"id": n, "value": value(n), "type": "SHA-256", "score": n % 11, "status": "Active"}
        | {"created_at": f"2024-03-01 10:{n // 60 % 60:02}:{n % 60:02}"}
        for n in numbers
    ]
    return json.dumps({"total": 1, "data": rows}).encode()


def sync(size: int, changed: int, watch: Stopwatch, folder: Path, *, fill: bool, capacity: int) -> ListPlan:
    """Read a collection and a list of which `changed` entries differ on either side, and plan."""
    decode = msgspec.json.Decoder(ItemPage).decode
    gather = Gathering("T: ", TypeTable(), ScoreBands(), folder / "wanted")
    for first in range(0, size, PAGE):
        raw = page(range(first, min(first + PAGE, size)))
        with watch:
            gather.take(decode(raw).data, "tqtype")
    present = Spill(folder / "present", caseless=True)
    for entries in values(changed, size + changed) if not fill else ():
        with watch:
            present.extend(entries)
    ours = digests_of(values(changed, size + changed) if not fill else (), caseless=True)
    with watch:
        gather.close()
        present.close()
        return plan_list(
            ListTarget(
                NAME, ListKey("SHA-256", ""), present, Listing(present.count, present.count), not fill
            ),
            gather.wanted[NAME],
            CollectionSource(Listing(size, gather.read), gather.usable),
            manifest=ours,
            rules=Rules(method="full", capacity=capacity),
            folder=folder / "plan",
        )


def planned(share: float, *, fill: bool = False, room: float = 1.0) -> Callable[[int, Stopwatch, Path], str]:
    def case(size: int, watch: Stopwatch, folder: Path) -> str:
        changed = int(size * share)
        plan = sync(size, changed, watch, folder, fill=fill, capacity=int(size * room))
        return f"+{plan.adds.count:,} -{plan.released.count:,} in {plan.calls:,} calls, {plan.left_out:,} left out"

    return case


def sets(size: int, watch: Stopwatch, _: Path) -> str:
    sides: list[set[str]] = [set(), set()]
    for side, start in zip(sides, (0, size // 20), strict=True):
        for entries in values(start, start + size):
            with watch:
                side.update(entries)
    with watch:
        return f"+{len(sides[0] - sides[1]):,} -{len(sides[1] - sides[0]):,}"


def digests(size: int, watch: Stopwatch, _: Path) -> str:
    sides = [array("Q"), array("Q")]
    for side, start in zip(sides, (0, size // 20), strict=True):
        for entries in values(start, start + size):
            with watch:
                side.extend(
                    int.from_bytes(blake2b(entry.encode(), digest_size=8).digest(), "big")
                    for entry in entries
                )
    with watch:
        sides = [array("Q", sorted(side)) for side in sides]
    return "sorted 8-byte digests of both sides, not yet compared"


def sqlite(size: int, watch: Stopwatch, folder: Path) -> str:
    database = sqlite3.connect(folder / "db")
    database.execute("PRAGMA synchronous = off")
    for table, start in (("w", 0), ("p", size // 20)):
        database.execute(f"CREATE TABLE {table} (value TEXT PRIMARY KEY) WITHOUT ROWID")
        for entries in values(start, start + size):
            with watch:
                database.executemany(f"INSERT INTO {table} VALUES (?)", ((entry,) for entry in entries))
    with watch:
        (adds,) = database.execute(
            "SELECT count(*) FROM (SELECT value FROM w EXCEPT SELECT value FROM p)"
        ).fetchone()
    database.close()
    return f"+{adds:,}"


CASES: dict[str, Callable[[int, Stopwatch, Path], str]] = {
    "unchanged": planned(0.0),
    "changed": planned(0.05),
    "first fill": planned(0.0, fill=True),
    "overflow": planned(0.05, room=0.9),
    "sets": sets,
    "digests": digests,
    "sqlite": sqlite,
}


def measure(name: str, size: int) -> None:
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        result = CASES[name](size, watch, Path(folder))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:10} {size:>9,}  {watch.seconds:6.2f} s CPU  {peak_mb:4.0f} MB  {result}", flush=True)


def main() -> None:
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
        return
    for name in CASES:
        for size in SIZES:
            subprocess.run([sys.executable, __file__, name, str(size)], check=True)


if __name__ == "__main__":
    main()
