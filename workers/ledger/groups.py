"""Groups of firings that share an event, as the ledger keeps them; settlements change them (lua/shared/groups.lua)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from msgspec import Struct

from workers.core.text import counted, moment
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, run
from workers.ledger.scripts import Script
from workers.ledger.small_writes import write
from workers.settings.model import Settings

ENTER = Script("enter_groups", "writes", "memory", when_full=True)

#: Milliseconds for which a group is kept after its window, or after the last firing that joined it: jobs that waited
#: for a worker belong to the window in which they were accepted.
KEPT_MS = 3_600_000

#: Milliseconds after which the update of an event is asked for again, if it has not been made by then.
AGAIN_MS = 30_000

#: Groups of limited firings that are told of at a time.
MOST_LIMITED = 100

#: What a firing does: it makes an event of its own (alone; full: as no more groups are kept) or that of its group
#: (open), joins that which is there (join), or comes back when another one has made it (wait).
Verdict = Literal["alone", "full", "open", "join", "wait"]


class Firing(Struct, frozen=True):
    """A job that asks for its group: digests and names of that, and of the one of what is above its source's limit.

    `firings` in `window_ms` of its source are let through, 0: all of them. `group` is "" where it has none.
    """

    job_id: str
    accepted_ms: int
    source: str
    group: str = ""
    label: str = ""
    firings: int = 0
    window_ms: int = 1
    over: str = ""
    over_label: str = ""


class Placement(Struct, frozen=True):
    """What a firing does; `event` is the group's (0: not known); of one that waits, `opener` is the job that makes
    it, and in `wait_ms` it asks anew.
    """

    verdict: Verdict
    is_limited: bool
    group: str
    event: int = 0
    opener: str = ""
    wait_ms: int = 0


class GroupState(Struct, frozen=True):
    """What is known of a group: its firings and the values of most of them, and of how many its event was told.

    `more` counts values that are not kept; `severity` is the highest that a firing had. Times in ms, but for `first`
    and `last`, as ThreatQ takes them.
    """

    id: str
    label: str
    source: str
    event: int
    count: int
    told: int
    told_values: int
    more: int
    first: str
    last: str
    since_ms: int
    until_ms: int
    is_limited: bool
    severity: str = ""

    @property
    def said(self) -> str:
        """What an operator is told of limited firings."""
        where = f"event {self.event}" if self.event else "an event that is being made"
        since = f"since {moment(self.since_ms)} UTC"
        return f"source {self.source} was limited, {counted(self.count, 'firing')} {since}: {where}"

    @classmethod
    def read(cls, group_id: str, fields: Mapping[bytes, bytes]) -> Self | None:
        """Read what the ledger keeps; None where it keeps nothing, or not all of it."""
        if b"until" not in fields:
            return None
        text = {name.decode(): value.decode(errors="replace") for name, value in fields.items()}
        names = ("event", "count", "told", "told_values", "more")
        numbers = {name: int(text.get(name) or 0) for name in names}
        return cls(
            id=group_id,
            label=text.get("label", ""),
            source=text.get("source", ""),
            first=text.get("first", ""),
            last=text.get("last", ""),
            since_ms=int(text.get("since") or 0),
            until_ms=int(text["until"]),
            is_limited=text.get("limited") == "1",
            severity=text.get("severity", ""),
            **numbers,
        )


class Groups:
    """The groups of one Redis, with the limits and times of `settings`; methods raise ServiceAway("redis")."""

    def __init__(self, redis: RedisClient, settings: Settings) -> None:
        self.redis = redis
        self.window_ms = int(settings.group_window_s * 1000)
        self.update_ms = int(settings.group_update_s * 1000)
        self.most_values = settings.group_values
        self._most_groups = settings.max_groups
        self._most_memory = int(settings.memory_percent * 10)

    def enter(self, firings: Sequence[Firing]) -> list[Placement]:
        """Tell of each firing what it does, in their order; each counts in its group only once it is settled."""
        limits = (self._most_groups, self._most_memory, self.window_ms, KEPT_MS)
        arguments: list[Any] = [keys.PREFIX, *limits]
        for firing in firings:
            arguments += (
                *(firing.job_id, firing.accepted_ms, firing.group, firing.label),
                *(firing.firings, firing.window_ms, firing.over, firing.over_label, firing.source),
            )
        return [_place(row) for row in run(self.redis, ENTER, [keys.GROUPS, keys.MEMORY], arguments)]

    def state(self, group_id: str) -> GroupState | None:
        """Return what is known of a group, None where it is kept no more."""
        return GroupState.read(group_id, self.redis.hgetall(keys.grouped(group_id)))

    def values(self, group_id: str) -> dict[str, int]:
        """Return the values of a group and in how many of its firings each came."""
        kept = self.redis.hgetall(keys.grouped_values(group_id))
        return {value.decode(): int(times) for value, times in kept.items()}

    def due(self, most: int) -> list[GroupState]:
        """Return groups whose events must be told now of firings that they do not know of."""
        return self._states(_ids(self.redis, keys.GROUPS_DUE, "-inf", now_ms(self.redis), most))

    def asked(self, states: Sequence[GroupState]) -> None:
        """Note that the updates of these groups were asked for; one that does not come about is due again."""
        again = now_ms(self.redis) + AGAIN_MS
        if states:
            write(self.redis, *(("ZADD", keys.GROUPS_DUE, "XX", "GT", again, state.id) for state in states))

    def _states(self, ids: Sequence[str]) -> list[GroupState]:
        """Return what is known of groups; those that have expired are owed no update any more."""
        states = states_of(self.redis, ids)
        if expired := set(ids) - {state.id for state in states}:
            write(self.redis, ("ZREM", keys.GROUPS_DUE, *expired))
        return states


def states_of(redis: RedisClient, ids: Sequence[str]) -> list[GroupState]:
    """Return what is known of groups that have not expired; raises ServiceAway("redis")."""
    pipe = redis.pipeline()
    replies = [pipe.hgetall(keys.grouped(group_id)) for group_id in ids]
    pipe.execute()
    states = (GroupState.read(group_id, reply.value) for group_id, reply in zip(ids, replies, strict=True))
    return [state for state in states if state]


def newest_groups(redis: RedisClient, most: int) -> list[GroupState]:
    """Return groups that are kept, those that were joined last first; raises ServiceAway("redis")."""
    return states_of(redis, [group_id.decode() for group_id in redis.zrevrange(keys.GROUPS, 0, most - 1)])


def limited_groups(redis: RedisClient, now: int) -> list[GroupState]:
    """Return the groups of limited firings whose window is not over at `now` (ms); raises ServiceAway("redis")."""
    return states_of(redis, _ids(redis, keys.GROUPS_LIMITED, now, "+inf", MOST_LIMITED))


def _ids(redis: RedisClient, name: str, low: int | str, high: int | str, most: int) -> list[str]:
    rows = redis.zrangebyscore(name, low, high, start=0, num=most, withscores=True)
    return [group_id.decode() for group_id, _ in rows]


def _place(row: list[Any]) -> Placement:
    verdict, limited, group, other, wait_ms = row
    is_wait = verdict == b"wait"
    return Placement(
        verdict.decode(),
        bool(limited),
        group.decode(),
        event=0 if is_wait else int(other or 0),
        opener=other.decode() if is_wait else "",
        wait_ms=int(wait_ms),
    )
