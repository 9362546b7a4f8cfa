"""Relations between any two objects: one row for both directions, its id is the pivot."""

from __future__ import annotations

from sandbox.threatq.model.kinds import BY_NUMBER, Kind
from sandbox.threatq.model.store import Row, Store

End = tuple[Kind, int]


class Relations:
    """Relates objects in the course of one call, and counts what each has so as to keep to the cap."""

    def __init__(self, store: Store, cap: int, now: int) -> None:
        self.store, self.cap, self.now = store, cap, now
        self._used: dict[tuple[int, int], int] = {}

    def relate(self, end: End, other: End) -> Row | None:
        """The relation of two objects, old or new; None if one is beyond its cap, where ThreatQ drops it."""
        known = _find(self.store, end, other)
        if known or max(self._count(end), self._count(other)) >= self.cap:
            return known
        (a, a_id), (b, b_id) = _ordered(end, other)
        for kind, id in (end, other):
            self._used[kind.number, id] += 1
        return self.store.one(
            "INSERT INTO relations (a_kind, a_id, b_kind, b_id, created_at, updated_at)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?5) RETURNING *",
            *(a.number, a_id, b.number, b_id, self.now),
        )

    def _count(self, end: End) -> int:
        key = (end[0].number, end[1])
        if key not in self._used:
            row = self.store.need(
                "SELECT (SELECT COUNT(*) FROM relations WHERE a_kind = ?1 AND a_id = ?2)"
                " + (SELECT COUNT(*) FROM relations WHERE b_kind = ?1 AND b_id = ?2) AS used",
                *key,
            )
            self._used[key] = row["used"]
        return self._used[key]


def related(store: Store, of: End, kind: Kind) -> list[Row]:
    """`{"id", "pivot", ...}` of every object of a kind that one object is related to."""
    number, id = of[0].number, of[1]
    return store.all(
        "SELECT b_id AS other, id, created_at, updated_at FROM relations"
        " WHERE a_kind = ?1 AND a_id = ?2 AND b_kind = ?3"
        " UNION SELECT a_id, id, created_at, updated_at FROM relations"
        " WHERE b_kind = ?1 AND b_id = ?2 AND a_kind = ?3"
        " ORDER BY 2",
        *(number, id, kind.number),
    )


def unrelate(store: Store, of: End, kind: Kind, pivots: list[int]) -> None:
    """Remove relations of one object to a kind by their pivots."""
    known = {row["id"] for row in related(store, of, kind)}
    store.many("DELETE FROM relations WHERE id = ?", [(id,) for id in pivots if id in known])


def forget(store: Store, of: End) -> None:
    """Remove every relation of an object."""
    for side in ("a", "b"):
        store.run(f"DELETE FROM relations WHERE {side}_kind = ? AND {side}_id = ?", of[0].number, of[1])


def kinds_of(store: Store, of: End) -> list[Kind]:
    """The kinds that an object has relations to."""
    rows = store.all(
        "SELECT b_kind AS kind FROM relations WHERE a_kind = ?1 AND a_id = ?2"
        " UNION SELECT a_kind FROM relations WHERE b_kind = ?1 AND b_id = ?2",
        *(of[0].number, of[1]),
    )
    return [BY_NUMBER[row["kind"]] for row in rows]


def _ordered(end: End, other: End) -> tuple[End, End]:
    return (end, other) if (end[0].number, end[1]) <= (other[0].number, other[1]) else (other, end)


def _find(store: Store, end: End, other: End) -> Row | None:
    (a, a_id), (b, b_id) = _ordered(end, other)
    sql = "SELECT * FROM relations WHERE a_kind = ? AND a_id = ? AND b_kind = ? AND b_id = ?"
    return store.one(sql, a.number, a_id, b.number, b_id)
