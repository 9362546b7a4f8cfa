"""How the lists of a family are named: `<baseName><type>`, or split by score `<baseName><type>: <bucket>`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from workers.threatq.rows import TOP_SCORE
from workers.threatq.score_bands import BANDS, NOT_SCORED, ScoreBands

SplitBy = Literal["tqtype", "score", "scoreRange"]


class ListKey(NamedTuple):
    """One list of a family: the ThreatQ type of its entries and its bucket (empty when unsplit)."""

    type: str
    bucket: str


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
        return (*BANDS, NOT_SCORED)
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
