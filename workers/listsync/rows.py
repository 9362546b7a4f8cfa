"""An indicator of a data collection, as ThreatQ sends it and as far as lists need it."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

#: A rank is a score (0-10) in front of a time of 14 digits, so that it is higher for a higher score, and among equal
#: scores for a newer indicator; both fit into 8 bytes.
_SCORE_STEP = 10**14


class TypeName(Struct, frozen=True, gc=False):
    """The type as an object, which ThreatQ sends where no `fields` were asked for."""

    name: str = ""


class Row(Struct, frozen=True, gc=False):
    """One row; decode ThreatQ's JSON straight into it. Keys that are not here are skipped unread."""

    value: str
    type: str | TypeName | None = None
    score: int | float | str | dict[str, object] | None = None
    created_at: str | None = None
    #: Lets whoever pages see that no row came twice: with `sort=id` it only rises.
    id: int = 0

    @property
    def type_name(self) -> str:
        """The type's name, whichever way it was sent."""
        if isinstance(self.type, TypeName):
            return self.type.name
        return self.type or ""


def score_rank(score: int | None) -> int:
    """Return the part of a rank that comes from the score."""
    return (score or 0) * _SCORE_STEP


# A feed brings many indicators in one second, so that most times are known already.
@lru_cache(maxsize=4096)
def time_rank(at: str) -> int:
    """Return the part of a rank that comes from ThreatQ's UTC text, `YYYY-MM-DD HH:MM:SS` or ISO; unreadable is 0."""
    try:
        return int(at[:4] + at[5:7] + at[8:10] + at[11:13] + at[14:16] + at[17:19]) if len(at) >= 19 else 0
    except ValueError:
        return 0
