"""What holds back a mass delete, and what never deletes at all."""

from __future__ import annotations

from msgspec import Struct

from workers.errors import ConfigError
from workers.listsync.listing import Listing


class Held(Struct, frozen=True):
    """Deletes that must not happen now: how many, why, and whether a person may let them through."""

    count: int
    reason: str
    approvable: bool


class DeleteGuard(Struct, frozen=True, kw_only=True):
    """Holds the deletes of a list that are more than `max_count` and more than `max_percent` of its entries.

    Both at once: a small list may lose everything, and a large one a small share, without a question.
    """

    max_count: int = 1_000
    max_percent: float = 20.0

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if self.max_count < 0 or not 0 <= self.max_percent <= 100:
            raise ConfigError(
                f"the delete guard needs a count of at least 0 and a share of 0-100 %,"
                f" not {self.max_count} and {self.max_percent}",
                field="delete guard",
            )

    def judge(self, *, deletes: int, now: int, source: Listing, usable: int, target: Listing) -> Held | None:
        """Return why `deletes` of a list's `now` entries must wait, or None when they may happen.

        `source` is the collection's listing and `usable` how many of its rows fit a list; `target` is
        the list's own listing.
        """
        if not deletes:
            return None
        doubt = _doubt(source, usable, target)
        if doubt:
            return Held(deletes, doubt, approvable=False)
        share = deletes * 100 / now if now else 100.0
        if deletes > self.max_count and share > self.max_percent:
            return Held(
                deletes,
                f"{deletes:,} deletes are {share:.0f} % of the list: more than {self.max_count:,} and more"
                f" than {self.max_percent:g} %",
                approvable=True,
            )
        return None


def _doubt(source: Listing, usable: int, target: Listing) -> str:
    """Say why what was read cannot prove that an entry left the collection; empty when it can."""
    if not source.complete:
        return f"ThreatQ's listing is not complete: {source.doubt()}; the next complete run deletes"
    if source.empty:
        return "the collection is empty in ThreatQ; if that is meant, retire the lists"
    if not usable:
        return "no indicator of the collection fits any list; if that is meant, retire the lists"
    if not target.complete:
        return f"LogRhythm's list was not read completely: {target.doubt()}; the next complete run deletes"
    return ""
