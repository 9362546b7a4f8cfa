"""Which figures each plot shows, and how it is told that a plot shows them as they are now."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
IMAGES = ROOT / "docs" / "images" / "performance"

#: The benchmark of each plot.
PLOTS = {
    "latency": "latency",
    "batch": "conditions",
    "depth": "conditions",
    "memory": "months",
    "peers": "peers",
    "sync": "sync",
}


def result(name: str) -> dict[str, Any]:
    """Return what a benchmark measured."""
    measured: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return measured


def digest(name: str) -> str:
    """Return what stands in a plot for the figures of a benchmark."""
    return hashlib.sha256((RESULTS / f"{name}.json").read_bytes()).hexdigest()
