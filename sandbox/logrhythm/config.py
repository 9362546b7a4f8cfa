"""What kind of LogRhythm is simulated."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

#: The built-in administrator, who owns what comes with the product.
ADMIN_ID = -100


class Person(Struct, frozen=True, kw_only=True):
    """One row of the console's People grid.

    `user_id` is the login's id, which 7.4 keeps apart from the person's; `owner_id` is who owns the record.
    """

    id: int
    last: str
    user_id: int | None = None
    first: str = ""
    kind: Literal["Role", "Individual"] = "Role"
    login: str = ""
    status: Literal["Active", "Retired", "New"] = "Active"
    owner_id: int = ADMIN_ID

    @property
    def full_name(self) -> str:
        """The name as the console shows it: `Last, First`, or a role's plain name."""
        return f"{self.last}, {self.first}" if self.first else self.last


#: One person for each case of the owner rule.
PEOPLE = (
    Person(id=ADMIN_ID, user_id=ADMIN_ID, last="LogRhythmAdmin", login="logrhythmadmin"),
    Person(id=12, user_id=5, last="ThreatQ Sync", login="LAB\\tqsync"),
    Person(id=13, user_id=6, last="Doe", first="Jane", kind="Individual", login="LAB\\jdoe"),
    Person(id=14, user_id=7, last="Borrowed Role", login="LAB\\borrowed", owner_id=13),
    Person(id=15, last="Former Role", status="Retired"),
)


class LogRhythmConfig(Struct, frozen=True, kw_only=True):
    """The simulated LogRhythm's version, its people and its undocumented choices.

    `duplicates`, `max_items_per_call`, `max_page` and `deadlocks` are guesses about the real product: no public source
    settles them. So is `loginless`: the `user` of a 7.4 person who never logs in is one of number 0, or is left out.
    `write_ms` is how long a write of items takes, so that two can overlap.
    """

    mode: Literal["7.4", "7.5.1"] = "7.5.1"
    people: tuple[Person, ...] = PEOPLE
    entities: tuple[str, ...] = ("Global Entity", "Primary Site")
    max_items_per_call: int = 1000
    max_page: int = 1000
    duplicates: Literal["ignore", "error"] = "ignore"
    deadlocks: Literal["list", "platform"] = "list"
    loginless: Literal["zero", "absent"] = "zero"
    write_ms: float = 0.0
