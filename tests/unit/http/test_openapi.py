"""The OpenAPI document that is published is the one that the structs make."""

from __future__ import annotations

import json
import re
from pathlib import Path

from producers.http.actions import ACTIONS
from producers.http.app import routes
from producers.http.openapi import document

PUBLISHED = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_published_document_is_the_generated_one() -> None:
    assert json.loads(PUBLISHED.read_text()) == json.loads(json.dumps(document())), "run `make docs`"


def test_it_describes_every_route_and_no_other() -> None:
    served = {route.path for route in routes()} - {"/v1/actions/{action}"}
    assert set(document()["paths"]) == served | {f"/v1/actions/{name}" for name in ACTIONS}


def test_every_reference_in_it_leads_somewhere() -> None:
    text = json.dumps(document())
    names = set(re.findall(r"#/components/schemas/([A-Za-z]+)", text))
    assert names <= set(document()["components"]["schemas"])
