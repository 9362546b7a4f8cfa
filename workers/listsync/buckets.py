"""Which bucket a score belongs to, for each way of splitting a list family."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from workers.errors import ConfigError

SplitBy = Literal["tqtype", "score", "scoreRange"]

VERY_HIGH, HIGH, MEDIUM, LOW, VERY_LOW = "Very High", "High", "Medium", "Low", "Very Low"
NOT_SCORED = "Not Scored"

#: ThreatQ shows at most 10, though it may store up to 100; above counts as 10.
TOP_SCORE = 10


class ScoreBands(Struct, frozen=True, kw_only=True):
    """The lowest score of each band, as on ThreatQ's landing page, and where a score of 0 belongs.

    ThreatQ prints the names and not the bounds; the defaults are those of its score drop-down.
    """

    very_high: int = 10
    high: int = 9
    medium: int = 7
    low: int = 5
    zero: Literal["Not Scored", "Very Low"] = "Not Scored"

    def __post_init__(self) -> None:
        """Refuse bands that overlap or leave the scale."""
        if not TOP_SCORE >= self.very_high > self.high > self.medium > self.low > 1:
            raise ConfigError(
                "the lowest scores of Very High, High, Medium and Low must fall from at most 10 to at least"
                f" 2; they are {self.very_high}, {self.high}, {self.medium}, {self.low}",
                field="sync_score_bands",
            )

    def band(self, score: int | None) -> str:
        """Return the name of the band that a whole score falls in."""
        if score is None:
            return NOT_SCORED
        if score == 0:
            return self.zero
        floors = ((self.very_high, VERY_HIGH), (self.high, HIGH), (self.medium, MEDIUM), (self.low, LOW))
        return next((name for floor, name in floors if score >= floor), VERY_LOW)


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


def bucket(score: int | None, split_by: SplitBy, bands: ScoreBands) -> str:
    """Return the last part of the list's name; empty where the family is split by type alone."""
    if split_by == "tqtype":
        return ""
    if split_by == "scoreRange":
        return bands.band(score)
    return str(score) if score else NOT_SCORED


def buckets_of(split_by: SplitBy) -> tuple[str, ...]:
    """Return every bucket that a way of splitting can give, highest first."""
    if split_by == "tqtype":
        return ("",)
    if split_by == "scoreRange":
        return (VERY_HIGH, HIGH, MEDIUM, LOW, VERY_LOW, NOT_SCORED)
    return (*(str(score) for score in range(TOP_SCORE, 0, -1)), NOT_SCORED)
