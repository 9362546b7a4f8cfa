"""The delete guard: a delete needs proof that the listings are complete, and a mass delete an approval as well."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.listsync.plan.batches import Batches, BatchWriter
from workers.listsync.plan.manifest import Manifest, digest, unpack
from workers.listsync.plan.spill import key_of, partition


class Listing(Struct, frozen=True):
    """How many entries a service declared, how many distinct ones were read, and what went wrong meanwhile.

    `declared` is None when the service never said a number (it is away, or the collection is not shared).
    """

    declared: int | None
    read: int
    errors: tuple[str, ...] = ()

    @classmethod
    def of_union(cls, listings: Mapping[str, Listing], errors: tuple[str, ...] = ()) -> Listing:
        """Return the listing of several data collections together: a doubt about one is a doubt about all."""
        if len(listings) > 1:
            errors += tuple(f"{name}: {doubt}" for name, item in listings.items() if (doubt := item.doubt()))
        declared = [item.declared for item in listings.values() if item.declared is not None]
        is_declared = len(declared) == len(listings) > 0
        return cls(
            sum(declared) if is_declared else None, sum(item.read for item in listings.values()), errors
        )

    @property
    def complete(self) -> bool:
        """Whether everything declared was read, page by page without an error."""
        return not self.errors and self.declared == self.read

    @property
    def empty(self) -> bool:
        """Whether nothing was read at all."""
        return self.read == 0

    def doubt(self) -> str:
        """Say in one clause why the listing is not complete; empty when it is."""
        if self.complete:
            return ""
        if self.errors:
            return f"{self.read:,} were read before an error: {self.errors[0]}"
        if self.declared is None:
            return "it did not say how many entries it has"
        return f"it declared {self.declared:,} entries and {self.read:,} were read"


class Withheld(Struct, frozen=True):
    """Deletes that must not happen now: how many, why, and whether an operator may approve them."""

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

    def judge(
        self, *, deletes: int, now: int, source: Listing, usable: int, target: Listing
    ) -> Withheld | None:
        """Return why `deletes` of a list's `now` entries must wait, or None when they may happen.

        `source` is the collection's listing and `usable` how many of its rows fit a list; `target` is
        the list's own listing.
        """
        if not deletes:
            return None
        doubt = _doubt(source, usable, target)
        if doubt:
            return Withheld(deletes, doubt, approvable=False)
        share = deletes * 100 / now if now else 100.0
        if deletes > self.max_count and share > self.max_percent:
            return Withheld(
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


class Approval(Struct, frozen=True):
    """The deletes of one list that an operator approved, as digests by partition: a ceiling, never anything more."""

    list: str
    deletes: Manifest


def within(deletes: Batches, approved: Manifest, path: Path, *, caseless: bool) -> Batches:
    """Return the deletes of a new plan that were approved; they go into the file `path`.

    `diff` writes deletes partition by partition, so that one partition of the approval is in memory at a time.
    """
    kept, key = BatchWriter(path), key_of(caseless)
    current, allowed = -1, frozenset[bytes]()
    for values in deletes.read():
        for value in values:
            part = partition(key(value))
            if part != current:
                current, allowed = part, unpack(approved.get(part, b""))
            if digest(value) in allowed:
                kept.add(value)
    return kept.close()
