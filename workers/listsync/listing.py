"""Proof that a listing is complete, as a value."""

from __future__ import annotations

from msgspec import Struct


class Listing(Struct, frozen=True):
    """How many entries a service declared, how many distinct ones were read, and what went wrong meanwhile.

    `declared` is None when the service never said a number (it is away, or the collection is not shared).
    """

    declared: int | None
    read: int
    errors: tuple[str, ...] = ()

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
