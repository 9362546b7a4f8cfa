"""How severe an event is, so that two of one source can be compared: words and numbers on the scale of 0 to 10."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workers.indicators.model import Attribute

#: The attribute of an event that holds it, as its source wrote it.
SEVERITY = "Severity"

#: What sources write, by the number that it is worth.
_WORDS = {
    0: "debug info information informational notice none undefined",
    3: "low minor",
    6: "medium moderate warn warning",
    8: "high major error",
    10: "critical severe very-high emergency fatal",
}

_RANKS = {word: worth * 1000 for worth, words in _WORDS.items() for word in words.split()}

_NUMBER = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")


def severity_of(attributes: Iterable[Attribute]) -> str:
    """Return the severity among the attributes of an event, "" where there is none."""
    return next((each.value for each in attributes if each.name == SEVERITY), "")


def severity_rank(severity: str) -> int:
    """Return a number that is greater the more severe, from 1; 0 for what is neither a number nor a known word."""
    text = severity.strip().casefold().replace(" ", "-")
    if _NUMBER.fullmatch(text):
        return int(float(text) * 1000) + 1
    return _RANKS[text] + 1 if text in _RANKS else 0
