"""What `make bench` measured last, for the pages and plots that show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def is_measured(name: str) -> bool:
    """Tell whether a benchmark has a result."""
    return (RESULTS / f"{name}.json").exists()


def result(name: str) -> dict[str, Any]:
    """Return what a benchmark measured."""
    measured: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return measured


def peer_rows() -> dict[str, dict[str, Any]]:
    """Return what each queue of the benchmark `peers` did, the fastest first, by its name as people write it."""
    rows = {
        name: row for name, row in result("peers").items() if isinstance(row, dict) and "jobs_per_s" in row
    }
    ordered = sorted(rows, key=lambda name: -rows[name]["jobs_per_s"])
    return {OURS if name == "tq_workers" else name.replace("_", ", "): rows[name] for name in ordered}


#: How we are called among the peers.
OURS = "tq-workers"
