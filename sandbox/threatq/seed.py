"""Fills the library: up to a million indicators in seconds, values that follow from their number."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from sandbox.threatq import clock
from sandbox.threatq.lookups import resolve
from sandbox.threatq.store import Store

_FIRST_IPV4 = int(ipaddress.IPv4Address("11.0.0.0"))
_FIRST_IPV6 = int(ipaddress.IPv6Address("2a00::"))


def _hash(name: str) -> Callable[[int], str]:
    return lambda number: hashlib.new(name, str(number).encode(), usedforsecurity=False).hexdigest()


_VALUES: dict[str, Callable[[int], str]] = {
    "IP Address": lambda number: str(ipaddress.IPv4Address(_FIRST_IPV4 + number)),
    "IPv6 Address": lambda number: str(ipaddress.IPv6Address(_FIRST_IPV6 + number)),
    "CIDR Block": lambda number: f"{ipaddress.IPv4Address(_FIRST_IPV4 + number * 256)}/24",
    "FQDN": lambda number: f"host-{number}.example",
    "URL": lambda number: f"host-{number}.example/path",
    "Email Address": lambda number: f"sender-{number}@mail.example",
    "MD5": _hash("md5"),
    "SHA-1": _hash("sha1"),
    "SHA-256": _hash("sha256"),
    "SHA-512": _hash("sha512"),
}


class SeedPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to fill in.

    Number n, from `start` on, is of type `types[n % len(types)]` and has score n % 11, or none where n is a multiple
    of `unscored_every`; so a caller knows each value beforehand and the next plan can go on where this one ended.
    """

    indicators: int
    start: int = 0
    types: tuple[str, ...] = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")
    status: str = "Active"
    unscored_every: int = 0


def value_of(type: str, number: int) -> str:
    """The value of indicator `number`; LookupError for a type that is not seeded."""
    return _VALUES[type](number)


def seed(store: Store, plan: SeedPlan) -> int:
    """Insert the indicators of a plan; the number of indicators afterwards."""
    with store.transaction():
        store.many(
            "INSERT INTO indicators (key, type_id, status_id, generated_score, score, created_at, updated_at,"
            " touched_at) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?5, ?5)",
            _rows(store, plan),
        )
    return store.count("SELECT COUNT(*) FROM indicators")


def expire(store: Store, every: int) -> int:
    """Set each `every`-th indicator to Expired; how many those were."""
    sql = "UPDATE indicators SET status_id = 2, updated_at = ?1, touched_at = ?1 WHERE id % ?2 = 0 AND status_id <> 2"
    return store.db.execute(sql, (clock.now(), every)).rowcount


def _rows(store: Store, plan: SeedPlan) -> Iterator[tuple[Any, ...]]:
    now = clock.now()
    status = _id(store, "statuses", plan.status)
    types = [(_id(store, "indicator_types", name), _VALUES[name]) for name in plan.types]
    for number in range(plan.start, plan.start + plan.indicators):
        type_id, value = types[number % len(types)]
        unscored = plan.unscored_every and number % plan.unscored_every == 0
        yield value(number), type_id, status, None if unscored else number % 11, now


def _id(store: Store, table: str, name: str) -> int:
    row = resolve(store, table, {"name": name})
    if row is None:
        raise LookupError(f"{name} is not known here.")
    return int(row["id"])
