"""The bands that ThreatQ sorts its scores into: the one scale of lists, look-ups and reports."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.settings.model import Settings
from workers.threatq.rows import TOP_SCORE

#: The bands as ThreatQ names them, highest first, and the name for indicators without a score.
BANDS = ("Very High", "High", "Medium", "Low", "Very Low")
NOT_SCORED = "Not Scored"


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
        floors = (self.very_high, self.high, self.medium, self.low, 0)
        return next(name for floor, name in zip(floors, BANDS, strict=True) if score >= floor)


def bands_of(settings: Settings) -> ScoreBands:
    """Return the score bands; raises ConfigError when they are not four falling numbers."""
    try:
        very_high, high, medium, low = (int(part) for part in settings.sync_score_bands.split(","))
    except ValueError as error:
        raise ConfigError(
            f"{settings.sync_score_bands!r} are not four whole numbers; give the lowest scores of Very High,"
            " High, Medium and Low, such as 10, 9, 7, 5",
            field="sync_score_bands",
        ) from error
    return ScoreBands(very_high=very_high, high=high, medium=medium, low=low, zero=settings.sync_score_zero)
