"""How the lists of a family are named: `<baseName><type>`, or split by score `<baseName><type>: <bucket>`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.threatq.rows import TOP_SCORE

SplitBy = Literal["tqtype", "score", "scoreRange"]

#: The buckets of `scoreRange`, as ThreatQ names its bands, and the one of indicators without a score.
VERY_HIGH, HIGH, MEDIUM, LOW, VERY_LOW = "Very High", "High", "Medium", "Low", "Very Low"
NOT_SCORED = "Not Scored"


class ListKey(NamedTuple):
    """One list of a family: the ThreatQ type of its entries and its bucket (empty when unsplit)."""

    type: str
    bucket: str


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


def list_name(base_name: str, key: ListKey) -> str:
    """Return a list's name as LogRhythm shows it."""
    name = f"{base_name}{key.type}"
    return f"{name}: {key.bucket}" if key.bucket else name


def family(base_name: str, split_by: SplitBy, types: Iterable[str]) -> dict[str, ListKey]:
    """Return every list that a base name can give, by name.

    Existing lists are recognised by looking them up here, never by prefix: `ThreatQ: FQDN` is also the
    beginning of `ThreatQ: FQDN: High`, and LogRhythm's own name filter finds both.
    """
    keys = (ListKey(type_name, bucket) for type_name in types for bucket in buckets_of(split_by))
    return {list_name(base_name, key): key for key in keys}


def same_name(name: str) -> str:
    """Return the form in which two list names that LogRhythm may take for one are equal."""
    return name.strip().casefold()
