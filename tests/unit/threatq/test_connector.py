"""The connector's page as ThreatQ answers it."""

from __future__ import annotations

from typing import Any

import pytest

from workers.core.errors import ServiceAway
from workers.threatq.connector import Connector


class Answers:
    """A ThreatQ that gives the same rows to every call."""

    base = "https://threatq.example"

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows

    def call(self, *_: object, **__: object) -> Any:
        return {"data": list(self.rows)}


@pytest.mark.parametrize("row", [{"name": "A"}, {"name": "A", "id": None}, {"name": "A", "id": "x"}])
def test_a_page_in_an_unknown_form_makes_payloads_wait_and_kills_none(row: dict[str, Any]) -> None:
    with pytest.raises(ServiceAway, match="connector 'A' in a way that we do not know"):
        Connector(Answers(row), "A").find()


def test_a_page_is_found_by_its_name_among_others() -> None:
    page = Connector(Answers({"name": "B"}, {"name": "A", "id": "7", "is_active": "1"}), "A").find()
    assert page is not None
    assert (page.id, page.is_enabled) == (7, True)
