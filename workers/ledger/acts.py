"""What people do that is recorded in the audit trail, and what an act needs of the trail to record itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct

#: What can be done; the words are data, by which entries are looked for.
Act = Literal[
    "sign-in", "sign-in refused", "sign-out", "token used", "token refused", "pause", "resume", "replay", "edit",
    "drop", "release", "quarantine drop", "approve", "whitelist", "purge", "erase", "breaker close", "cancel",
    "take over", "retire", "setup", "migrate", "settings", "backup", "restore",
]  # fmt: skip

#: How many things one entry names.
MOST_NAMED = 20


class Actor(Struct, frozen=True):
    """Who acts: a token's name or user@host; through what (page, http, tqctl, …); from which address, "" for here."""

    name: str
    via: str
    address: str = ""


class Auditor(Protocol):
    """The audit trail, for what one actor does."""

    actor: Actor

    def record(self, act: Act, what: str = "", **detail: str | int) -> None:
        """Write down that the actor has done something; raises ServiceAway("redis")."""


def named(items: Iterable[str], *, most: int = MOST_NAMED) -> str:
    """Return the names of several things as one text: the first ones, and how many more there are."""
    names = list(items)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
