"""The tables of `docs/explanation/performance.md`, from what `make bench` measured: `python -m tools.performance`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from tools.results import OURS, ROOT, peer_rows, result

PAGE = ROOT / "docs" / "explanation" / "performance.md"

#: Where each table stands.
PLACE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def main() -> None:
    """Rewrite the tables."""
    PAGE.write_text(replaced(PAGE.read_text()))


def replaced(page: str) -> str:
    """Return the page with the figures that there are."""
    return PLACE.sub(lambda place: f"<!-- {place[1]} -->\n{TABLES[place[1]]()}\n<!-- end -->", page)


def table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def latency() -> str:
    """What a payload takes and costs at each rate."""
    figures = result("latency")
    head = ("payloads a second", "p50, ms", "p99, ms", "worker's processor time, ms", "calls of ThreatQ")
    names = ("p50_ms", "p99_ms", "worker_cpu_ms_per_payload", "calls_per_payload")
    rates = (10, 100, 1_000)
    return table(
        head,
        ((f"{rate:,}", *(f"{figures[f'events_{rate}_per_s'][name]:g}" for name in names)) for rate in rates),
    )


def peers() -> str:
    """Each queue beside the others."""
    head = ("queue", "enqueued a second", "begun a second", "begun after, at 20/s: p50, p99, ms", "at 300/s")
    return table(head, (_peer(name, row) for name, row in peer_rows().items()))


def _peer(name: str, row: dict[str, Any]) -> Sequence[object]:
    waits = (row.get(f"start_{rate}_per_s") for rate in (20, 300))
    shown = [f"{wait['p50_ms']:g}, {wait['p99_ms']:g}" if wait else "–" for wait in waits]
    label = f"**{name}**" if name == OURS else name
    return label, f"{row['enqueued_per_s']:,}", f"{row['jobs_per_s']:,}", *shown


def redis() -> str:
    """What accepting a job takes with which Redis."""
    names = {
        "appendfsync_always": "`appendfsync always`",
        "one_replica_confirms": "one replica confirms (`TQ_ACCEPT_REPLICAS=1`)",
        "tls": "TLS",
    }
    rows = result("conditions")["redis"]
    head = ("Redis", "a job is accepted, ms", "times the usual one beside it")
    return table(
        head,
        (
            (words, f"{rows[name]['accept_ms']:g}", f"{rows[name]['times_usual']:g}")
            for name, words in names.items()
        ),
    )


def payload() -> str:
    """What a payload costs by its size."""
    rows = result("conditions")["payload"]
    head = ("bytes", "accepted, ms", "events a second of one worker", "worker's processor time, ms")
    names = ("accept_ms", "payloads_per_s", "worker_cpu_ms")
    return table(
        head,
        (
            (f"{int(size.removeprefix('bytes_')):,}", *(f"{row[name]:,g}" for name in names))
            for size, row in rows.items()
        ),
    )


TABLES = {"latency": latency, "peers": peers, "redis": redis, "payload": payload}


if __name__ == "__main__":
    main()
