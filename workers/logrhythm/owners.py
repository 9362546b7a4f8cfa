"""Who owns our lists: from the name that the console shows to the id that the API wants."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.errors import ConfigError, ServiceAway
from workers.logrhythm.errors import ListGone, endless
from workers.logrhythm.transport import LogRhythmTransport

#: People asked for in one page; the API's maximum.
PAGE_SIZE = 1000

#: People after which a listing is taken to be one without end.
MOST_PEOPLE = 100_000

#: The built-in LogRhythm administrator's number, the same everywhere.
ADMIN_ID = -100

#: Names that a message about an unknown owner offers.
CANDIDATES = 8


class _Login(Struct, frozen=True):
    id: int | None = None


class _Maker(Struct, frozen=True):
    id: int | None = None
    name: str = ""


class _Permissions(Struct, frozen=True):
    owner: _Maker | None = None


class Person(Struct, frozen=True, rename="camel"):
    """One row of the console's People grid, from either endpoint."""

    id: int
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    record_status_name: str | None = None
    user: _Login | None = None
    object_permissions: _Permissions | None = None

    @property
    def strange_maker(self) -> str:
        """Whose record this is, if LogRhythm tells that it is not its administrator's; "" else."""
        maker = self.object_permissions and self.object_permissions.owner
        return "" if not maker or maker.id in (None, ADMIN_ID) else maker.name or f"user {maker.id}"

    @property
    def owner_id(self) -> int:
        """The id that owns lists: up to 7.4 that of the person's login, if there is one."""
        # Who has no login has one of number 0.
        return (self.user and self.user.id) or self.id

    @property
    def is_retired(self) -> bool:
        """Whether LogRhythm keeps the person for its history alone."""
        return self.record_status_name == "Retired"

    @property
    def shown(self) -> str:
        """The name as the console shows it."""
        first, last = self.first_name or "", self.last_name or ""
        return self.full_name or (f"{last}, {first}" if first else last)


def fetch_people(transport: LogRhythmTransport, *, v751: bool) -> list[Person]:
    """Return all people; if this LogRhythm has not the endpoint of the version that is set, from the other."""
    first, second = ("/users/", "/persons/") if v751 else ("/persons/", "/users/")
    try:
        return list(_pages(transport, first))
    except ListGone:
        try:
            return list(_pages(transport, second))
        except ListGone as error:
            raise ConfigError(
                f"cannot be looked up: this LogRhythm has neither {first} nor {second}, or shows the API user no "
                "person; give the owner's number instead",
                field="logrhythm_owner",
            ) from error


def find_owner(people: Sequence[Person], name: str) -> Person:
    """Return the one active person called `name`; the strictest way of comparing that finds a person decides.

    Raises ConfigError if no person or more than one is meant.
    """
    active = [person for person in people if not person.is_retired]
    for matches in _COMPARISONS:
        hits = [person for person in active if matches(person, name.strip())]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise ConfigError(_ambiguous(name, hits), field="logrhythm_owner")
    raise ConfigError(_unknown(name, people, active), field="logrhythm_owner")


def as_number(name: str) -> int | None:
    """Return the setting as an id if it is a number."""
    return int(name) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", name) else None


def _spellings(person: Person) -> tuple[str, ...]:
    first, last = person.first_name or "", person.last_name or ""
    return (person.full_name or "", f"{last}, {first}", f"{first} {last}", "" if first else last)


def _spelt(index: int) -> Callable[[Person, str], bool]:
    return lambda person, name: _spellings(person)[index] == name


def _whatever_case(person: Person, name: str) -> bool:
    return name.casefold() in (spelling.casefold() for spelling in _spellings(person))


#: Full name, `Last, First`, `First Last`, a role's name; then any of these in any case.
_COMPARISONS: tuple[Callable[[Person, str], bool], ...] = (*map(_spelt, range(4)), _whatever_case)


def _pages(transport: LogRhythmTransport, path: str) -> Iterator[Person]:
    """Yield all people page by page, each once, also where the server ignores the offset."""
    seen: set[int] = set()
    while len(seen) < MOST_PEOPLE:
        try:
            page: Any = transport.call(
                "GET", path, params={"offset": str(len(seen)), "count": str(PAGE_SIZE)}
            )
        except ListGone:
            # The persons endpoint answers an empty page with 404.
            if seen:
                return
            raise
        new = [person for person in _people(page, path) if person.id not in seen]
        yield from new
        seen.update(person.id for person in new)
        if not new or len(page) < PAGE_SIZE:
            return
    raise endless(path, len(seen))


def _people(page: object, path: str) -> list[Person]:
    try:
        return msgspec.convert(page, list[Person], strict=False)
    except msgspec.ValidationError as error:
        raise ServiceAway(
            "logrhythm", f"LogRhythm describes people in a way that we do not know ({path}: {error})"
        ) from error


def _ambiguous(name: str, hits: Sequence[Person]) -> str:
    numbers = ", ".join(f"{person.shown} (number {person.owner_id})" for person in hits)
    return f"{name!r} means more than one person: {numbers}; give the number of the one that is meant"


def _unknown(name: str, people: Sequence[Person], active: Sequence[Person]) -> str:
    if any(person.is_retired and _whatever_case(person, name.strip()) for person in people):
        return f"{name!r} is retired in LogRhythm; name an active person"
    names = sorted({person.shown for person in active})
    near = difflib.get_close_matches(name, names, CANDIDATES, cutoff=0.3) or names[:CANDIDATES]
    return (
        f"LogRhythm shows no person called {name!r}; use the first column of Deployment Manager > People, "
        f"for example {', '.join(map(repr, near)) or '(it shows no person at all)'}"
    )
