"""The NiFi pages and the flow name only what NiFi has, and the flow holds together."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from producers.redis_bridge import KEYS
from workers.payload.builder import FIELDS

NIFI = Path(__file__).parents[3] / "docs" / "nifi"
NAMES: dict[str, Any] = json.loads((Path(__file__).parents[2] / "fixtures" / "nifi-names.json").read_text())
FLOW: dict[str, Any] = json.loads((NIFI / "invokehttp-flow.json").read_text())["flowContents"]

#: A dynamic property: InvokeHTTP sends it as a header.
DYNAMIC = "Idempotency-Key"


def column(page: str, heading: str) -> list[str]:
    """Return the first column of every table of a page that begins with `heading`."""
    found = []
    inside = False
    for line in (NIFI / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith(f"| {heading} |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not set(line) <= set("|-"):
            found.append(cells[0])
    return found


@pytest.mark.parametrize(
    ("page", "components"),
    [
        ("invokehttp.md", ["InvokeHTTP"]),
        ("publishredis.md", ["PublishRedis", "RedisConnectionPoolService"]),
        ("executestreamcommand.md", ["ExecuteStreamCommand"]),
    ],
)
def test_a_page_names_properties_and_relationships_that_nifi_has(page: str, components: list[str]) -> None:
    properties = {name for component in components for name in NAMES[component]["properties"]}
    relationships = {name for component in components for name in NAMES[component]["relationships"]}
    assert column(page, "property")
    assert set(column(page, "property")) - {DYNAMIC} <= properties
    assert set(column(page, "relationship")) == relationships


def test_the_flow_sets_properties_that_invokehttp_has_as_its_page_says() -> None:
    (invoke,) = FLOW["processors"]
    assert set(invoke["properties"]) - {DYNAMIC} <= set(NAMES["InvokeHTTP"]["properties"])
    assert set(invoke["properties"]) == set(invoke["propertyDescriptors"])
    text = (NIFI / "invokehttp.md").read_text()
    for name, value in re.findall(r"^\| ([^|]+) \| `([^`|]+)` \|", text, re.MULTILINE):
        if name in invoke["properties"]:
            assert invoke["properties"][name] == value, name


def test_the_reason_of_a_refusal_is_looked_for_where_invokehttp_puts_it() -> None:
    # Without a name for it that would be invokehttp.response.body, with one that is never set.
    (invoke,) = FLOW["processors"]
    name = invoke["properties"]["Response Body Attribute Name"]
    for text in ((NIFI / "invokehttp.md").read_text(), json.dumps(FLOW)):
        assert name in text
        assert "invokehttp.response.body" not in text


def test_every_relationship_of_the_flow_goes_somewhere() -> None:
    (invoke,) = FLOW["processors"]
    routed = {name for connection in FLOW["connections"] for name in connection["selectedRelationships"]}
    ended = set(invoke["autoTerminatedRelationships"])
    assert routed - {""} | ended == set(NAMES["InvokeHTTP"]["relationships"])
    assert not routed & ended
    assert set(invoke["retriedRelationships"]) == {"Retry", "Failure"}


def test_every_connection_of_the_flow_has_two_ends_in_it() -> None:
    parts = {
        part["identifier"] for kind in ("processors", "inputPorts", "outputPorts") for part in FLOW[kind]
    }
    for connection in FLOW["connections"]:
        assert {connection["source"]["id"], connection["destination"]["id"]} <= parts


def test_no_secret_is_in_the_flow() -> None:
    whole = json.loads((NIFI / "invokehttp-flow.json").read_text())
    for context in whole["parameterContexts"].values():
        for parameter in context["parameters"]:
            assert not (parameter["sensitive"] and parameter.get("value"))


def test_the_keys_of_the_redis_page_are_those_of_the_bridge() -> None:
    text = (NIFI / "publishredis.md").read_text()
    for name, key in KEYS.items():
        assert f"{name:8} {key}" in text


def test_the_mapping_fills_fields_of_the_dialect() -> None:
    shift, default = json.loads((NIFI / "cloudtrail-jolt.json").read_text())
    targets = {text.split(".")[0] for text in _leaves(shift["spec"])} | set(default["spec"])
    assert targets <= FIELDS
    assert {"event_name", "event_type", "event_happened_at"} <= targets


def _leaves(spec: dict[str, Any]) -> list[str]:
    return [
        leaf for value in spec.values() for leaf in (_leaves(value) if isinstance(value, dict) else [value])
    ]
