"""The judge of the chaos runs: it must see what is lost, doubled and incomplete."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.account import lacks
from chaos.payloads import wanted


def whole(number: int) -> dict[str, Any]:
    what = wanted(number)
    return {
        "attributes": [{"name": name, "value": value} for name, value in what.attributes],
        **{
            part: [{"value": value} for value in getattr(what, part)]
            for part in ("indicators", "identity", "malware")
        },
    }


def test_a_whole_event_lacks_nothing() -> None:
    assert list(lacks(whole(3), wanted(3))) == []


@pytest.mark.parametrize("part", ["attributes", "indicators", "identity", "malware"])
def test_each_part_that_is_missing_is_seen(part: str) -> None:
    event = whole(3)
    event[part].pop()
    assert len(list(lacks(event, wanted(3)))) == 1


def test_a_part_that_is_there_twice_is_seen() -> None:
    event = whole(3)
    event["attributes"].append(event["attributes"][0])
    assert len(list(lacks(event, wanted(3)))) == 1
