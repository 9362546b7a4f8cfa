"""Draw every plot: `make docs-plots`. It runs where matplotlib is, which is no part of our own environment."""

from __future__ import annotations

import sys
from pathlib import Path

# Run by its path, in an environment that has nothing of ours installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.plots.results import IMAGES, PLOTS, digest
from tools.results import OURS, peer_rows, result

mpl.rcParams |= {
    "svg.hashsalt": "tq-workers",
    "svg.fonttype": "none",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.axisbelow": True,
}

BLUE, OTHERS, GOAL = "#0b6e99", "#b8bec4", "#c2410c"


def latency(axes: Axes) -> None:
    """Time from HTTP to ThreatQ over the rate of arrival."""
    figures = result("latency")
    rates = [10, 100, 1_000]
    for name, color in (("p99_ms", BLUE), ("p50_ms", OTHERS)):
        times = [figures[f"events_{rate}_per_s"][name] for rate in rates]
        axes.plot(rates, times, marker="o", color=color, label=name.removesuffix("_ms"))
    axes.axhline(30, color=GOAL, linestyle="--", label="goal of p99")
    axes.set(xscale="log", xlabel="payloads a second", ylabel="ms from HTTP to ThreatQ")
    axes.set_ylim(0)
    axes.set_xticks(rates, [f"{rate:,}" for rate in rates])
    axes.margins(y=0.2)
    axes.legend(frameon=False, loc="upper left", ncols=3)


def batch(axes: Axes) -> None:
    """Jobs a second over the jobs of one call."""
    figures = result("conditions")["batch"]
    sizes = [name.removeprefix("jobs_") for name in figures]
    axes.bar(sizes, list(figures.values()), color=BLUE, width=0.6)
    axes.set(xlabel="jobs in one call", ylabel="jobs accepted a second")
    axes.yaxis.set_major_formatter("{x:,.0f}")


def depth(axes: Axes) -> None:
    """What a job costs over how many wait."""
    figures = result("conditions")["depth"]
    depths = [f"{int(name.removeprefix('jobs_')):,}" for name in figures]
    axes.plot(
        depths, [row["accept_ms"] for row in figures.values()], marker="o", color=BLUE, label="accept one"
    )
    ends = [row["claim_and_settle_ms"] / 100 for row in figures.values()]
    axes.plot(depths, ends, marker="o", color=OTHERS, label="claim and settle, each of 100")
    axes.set(xlabel="jobs that wait", ylabel="ms a job", ylim=(0, None))
    axes.legend(frameon=False)


def memory(axes: Axes) -> None:
    """Memory of Redis over ninety days."""
    used = result("months")["used_mb"]
    days = [round(96 * (place + 1) / len(used)) for place in range(len(used))]
    axes.plot([0, *days], [0, *used], marker="o", color=BLUE)
    axes.set(xlabel="days at one job a second", ylabel="MB of Redis", ylim=(0, None))


def peers(axes: Axes) -> None:
    """Empty jobs a second beside other queues."""
    rates = {name: row["jobs_per_s"] for name, row in reversed(peer_rows().items())}
    colors = [BLUE if name == OURS else OTHERS for name in rates]
    bars = axes.barh(list(rates), list(rates.values()), color=colors)
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set(xlabel="empty jobs a second, enqueued one by one")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.1)


def sync(axes: Axes) -> None:
    """Seconds of a sync over its indicators."""
    figures = result("sync")
    sizes = [10_000, 100_000, 1_000_000]
    for name, label in (("ours_s", "tq-workers"), ("bare_s", "a loop that only transfers")):
        times = [figures[str(size)]["unchanged"][name] for size in sizes]
        axes.plot(sizes, times, marker="o", color=BLUE if name == "ours_s" else OTHERS, label=label)
    axes.set(xscale="log", yscale="log", xlabel="indicators", ylabel="seconds, nothing changed")
    axes.legend(frameon=False)


DRAWN = {"latency": latency, "batch": batch, "depth": depth, "memory": memory, "peers": peers, "sync": sync}


def main() -> None:
    """Write each plot as SVG, with the digest of the figures that it shows."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWN.items():
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        draw(figure.subplots())
        metadata = {"Date": None, "Description": digest(PLOTS[name]), "Creator": None}
        figure.savefig(IMAGES / f"{name}.svg", metadata=metadata)


if __name__ == "__main__":
    main()
