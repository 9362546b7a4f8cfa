"""make bench: every benchmark in this folder, or those that are named; figures go to benchmarks/results/."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.targets import verdicts
from chaos.machine import machine

FOLDER = Path(__file__).parent

#: Where the figures go.
RESULTS = Path(os.environ.get("BENCH_RESULTS", FOLDER / "results"))


def main(names: list[str]) -> None:
    """Run the named benchmarks, print each result and write it as JSON."""
    check(names)
    RESULTS.mkdir(exist_ok=True)
    for name in names or known():
        began = time.perf_counter()
        figures = importlib.import_module(f"benchmarks.bench_{name}").run()
        took = round(time.perf_counter() - began, 1)
        text = json.dumps({"benchmark": name, "machine": machine(), "took_s": took, **figures}, indent=2)
        (RESULTS / f"{name}.json").write_text(text + "\n")
        print(text, *verdicts(name, figures), sep="\n", flush=True)


def known() -> list[str]:
    """Return the names of all benchmarks."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def check(names: list[str]) -> None:
    """Raise SystemExit where one of the names is that of no benchmark."""
    if unknown := [name for name in names if name not in known()]:
        raise SystemExit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(known())}")


if __name__ == "__main__":
    main(sys.argv[1:])
