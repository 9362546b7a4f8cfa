"""ThreatQ's row shapes, as far as we read them."""

from __future__ import annotations

import math

from msgspec import Struct

#: ThreatQ shows at most 10, though it may store up to 100; above counts as 10.
TOP_SCORE = 10


class Named(Struct, frozen=True, gc=False):
    """A type or status as an object, which ThreatQ sends where no `fields` were asked for."""

    name: str = ""


class Row(Struct, frozen=True, gc=False):
    """One row; decode ThreatQ's JSON straight into it. Keys that are not here are skipped unread."""

    value: str
    type: str | Named | None = None
    score: int | float | str | dict[str, object] | None = None
    created_at: str | None = None
    #: Lets the code that pages see that no row came twice: with `sort=id` it only rises.
    id: int = 0
    status: str | Named | None = None

    @property
    def type_name(self) -> str:
        """The type's name, whichever way it was sent."""
        return _name(self.type)

    @property
    def status_name(self) -> str:
        """The status's name, whichever way it was sent; "" where it was not."""
        return _name(self.status)


def _name(given: str | Named | None) -> str:
    return given.name if isinstance(given, Named) else given or ""


def whole_score(raw: object) -> int | None:
    """Return ThreatQ's score as a whole number from 0 to 10; None if the indicator has none.

    Takes a number, text ("7.50"), or the object with `manual_score` and `generated_score`, of which the
    manual one wins. What cannot be read as a score counts as none.
    """
    if type(raw) is int and 0 <= raw <= TOP_SCORE:
        return raw
    if isinstance(raw, dict):
        manual = whole_score(raw.get("manual_score"))
        return manual if manual is not None else whole_score(raw.get("generated_score"))
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        return None
    try:
        score = float(raw)
    except (ValueError, OverflowError):
        return None
    if math.isnan(score) or score < 0:
        return None
    return int(min(score, TOP_SCORE))
