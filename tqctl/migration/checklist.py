"""The checklist of a migration: what is taken over, what an operator decides, what is done in a console."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct, to_builtins

from producers.cli.tables import Grid, Shown

#: In the order in which they are shown.
State = Literal["taken over", "can be taken over", "to be decided", "in the console"]

#: What stands above the items of a state.
_HEADS: dict[State, str] = {
    "taken over": "Taken over",
    "can be taken over": "Can be taken over (--yes)",
    "to be decided": "To be decided",
    "in the console": "To be done in the console",
}


class ChecklistItem(Struct, frozen=True):
    """One line; `code` is what the command exits with at least, where something could not be looked at."""

    state: State
    what: str
    found: str
    remedy: str = ""
    code: int = 0


def taken(what: str, finding: str, *, is_done: bool = True) -> ChecklistItem:
    """Say that something is taken over, or can be."""
    return ChecklistItem("taken over" if is_done else "can be taken over", what, finding)


def open_question(what: str, finding: str, remedy: str, *, code: int = 0) -> ChecklistItem:
    """Say what an operator has to decide or correct."""
    return ChecklistItem("to be decided", what, finding, remedy, code)


def by_hand(what: str, remedy: str, finding: str = "") -> ChecklistItem:
    """Say what is to be done in a console."""
    return ChecklistItem("in the console", what, finding, remedy)


def as_json(items: Sequence[ChecklistItem]) -> list[dict[str, Any]]:
    """Return the items for programs."""
    return [to_builtins(item) for item in items]


def words(items: Sequence[ChecklistItem]) -> Iterator[Shown]:
    """Return the items for a person, by their states."""
    for state, head in _HEADS.items():
        rows = [[item.what, _told(item)] for item in items if item.state == state]
        if rows:
            yield Grid(head, ("what", "found, and what to do"), rows)
    counts = ", ".join(
        f"{sum(item.state == state for item in items)} {head[0].lower()}{head[1:]}"
        for state, head in _HEADS.items()
    )
    yield counts


def _told(item: ChecklistItem) -> str:
    return " → ".join(filter(None, (item.found, item.remedy)))
