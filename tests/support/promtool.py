"""Prometheus' own judgement of our rules: what was really scraped becomes its series, promtool says what fires."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

RULES = Path(__file__).resolve().parents[2] / "deploy" / "monitoring" / "prometheus" / "alerts.yml"

#: Names and labels as Prometheus writes them -> value; empty where nothing was served.
Samples = Mapping[str, float]

#: What a series that only grows ends with; between two scrapes it grows evenly.
COUNTERS = ("_total", "_count", "_sum")


def program(name: str, package: str) -> str:
    """Return the path of promtool or amtool; skips the test where it is not installed."""
    if path := shutil.which(name):
        return path
    pytest.skip(f"no {name} is on the PATH; .ci/prometheus fetches it (apt-get install {package} too)")


def rules() -> dict[str, dict[str, Any]]:
    """Return each alert's rule by its name."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def minutes_of(duration: str) -> int:
    """Return the minutes of a `for`."""
    return int(duration[:-1]) * {"m": 1, "h": 60}[duration[-1]]


def scraped(port: int, token: str = "") -> Samples:
    """Read the port of a worker, or with a token that of the HTTP entry point; nothing where no process listens."""
    try:
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        text = requests.get(f"http://127.0.0.1:{port}/metrics", headers=sent, timeout=30).text
    except requests.ConnectionError:
        return {}
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        _series(sample.name, sample.labels): sample.value
        for sample in samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


def _series(name: str, labels: Mapping[str, str]) -> str:
    return name + "{" + ",".join(f"{label}={json.dumps(value)}" for label, value in labels.items()) + "}"


class Timeline:
    """What was scraped, and for how many minutes it stays so; a scrape a minute."""

    def __init__(self) -> None:
        self._stays: list[tuple[Samples, int]] = []

    @property
    def minutes(self) -> int:
        """The minutes that have been told."""
        return sum(minutes for _, minutes in self._stays)

    def stay(self, samples: Samples, minutes: int) -> None:
        """Let `samples` be scraped for the next `minutes`."""
        self._stays.append((samples, minutes))

    def series(self) -> list[dict[str, str]]:
        """Return all of it as promtool reads it."""
        names = sorted({name for samples, _ in self._stays for name in samples})
        return [{"series": name, "values": " ".join(self._values(name))} for name in names]

    def _values(self, name: str) -> Iterator[str]:
        last: float | None = None
        for samples, minutes in self._stays:
            value = samples.get(name)
            if value is None:
                # Prometheus marks a series that a scrape no longer has.
                yield from ["_" if last is None else "stale", *["_"] * (minutes - 1)]
            elif last is not None and name.partition("{")[0].endswith(COUNTERS):
                yield from (str(last + (value - last) * (n + 1) / minutes) for n in range(minutes))
            else:
                yield from [str(value)] * minutes
            last = value


def assert_fires(alert: str, timeline: Timeline, expected: Mapping[int, bool], folder: Path) -> None:
    """Let promtool judge whether `alert` fires in the minutes that `expected` names."""
    expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > bool 0 or vector(0)'
    asked = [
        {
            "expr": expression,
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": int(fires)}],
        }
        for minute, fires in expected.items()
    ]
    test = {"interval": "1m", "input_series": timeline.series(), "promql_expr_test": asked}
    file = folder / f"{alert}.yml"
    file.write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}),
        encoding="utf-8",
    )
    assert_passes(program("promtool", "prometheus"), "test", "rules", str(file))


def assert_passes(*command: str) -> None:
    """Run a checker, and show what it printed where it objects."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
