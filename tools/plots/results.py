"""Which figures each plot shows, and how it is told that a plot shows them as they are now."""

from __future__ import annotations

import hashlib

from tools.results import RESULTS, ROOT

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


def digest(name: str) -> str:
    """Return what stands in a plot for the figures of a benchmark."""
    return hashlib.sha256((RESULTS / f"{name}.json").read_bytes()).hexdigest()
