"""The declared metrics, and the page, the dashboard and the alerts that are made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from workers.telemetry.metrics import ALL, table

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "deploy" / "monitoring" / "grafana" / "tq-workers.json"
ALERTS = ROOT / "deploy" / "monitoring" / "prometheus" / "alerts.yml"

#: A name of ours in an expression of Prometheus.
NAME = re.compile(r"\btq_[a-z_]+\b")

#: What an expression groups by or selects, between braces or brackets.
LABELS = re.compile(r"\b(?:by|without) *\(([^)]*)\)|\{([^}]*)\}")


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def used_labels(expression: str) -> set[str]:
    found: set[str] = set()
    for grouped, selected in LABELS.findall(expression):
        found |= {name.strip() for name in grouped.split(",") if name.strip()}
        found |= set(re.findall(r"(\w+) *(?:=|!)", selected))
    return found - {"le", "instance", "job"}


def test_the_page_of_metrics_is_the_one_that_the_declarations_make() -> None:
    page = ROOT / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == table(), "run `make docs`"


def test_every_metric_says_what_it_means_under_a_name_of_its_own() -> None:
    names = [name for metric in ALL for name in metric.shown]
    assert len(names) == len(set(names))
    assert all(metric.meaning and metric.name.startswith("tq_") for metric in ALL)


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_prometheus_can_read_every_expression(expression: str) -> None:
    # Functions, their arguments' types and the syntax; it raises what is wrong.
    assert isinstance(promql_parser.parse(expression.replace("$__rate_interval", "5m")), promql_parser.Expr)


@pytest.mark.parametrize(
    "wrong", ["rate(tq_jobs_total)", "sum by (queue (tq_open_jobs)", "nosuch(tq_open_jobs)"]
)
def test_an_expression_that_prometheus_would_refuse_is_refused_here(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"expected|unclosed|unknown"):
        promql_parser.parse(wrong)


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_dashboard_and_alerts_use_what_is_declared(expression: str) -> None:
    declared = {name: metric for metric in ALL for name in metric.shown}
    used = NAME.findall(expression)
    assert used, expression
    assert set(used) <= declared.keys()
    labels = {label for name in used for label in declared[name].labels}
    assert used_labels(expression) <= labels


def test_every_metric_is_seen_somewhere() -> None:
    seen = {name for expression in expressions() for name in NAME.findall(expression)}
    unseen = [metric.name for metric in ALL if not seen & set(metric.shown)]
    assert unseen == []


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_panels_have_titles_and_ids_of_their_own_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert all(panel["title"] for panel in panels())
