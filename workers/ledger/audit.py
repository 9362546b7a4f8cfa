"""The audit trail: who did what, through what and from where. The function that does an act records it here.

A stream in Redis keeps the newest entries; the copies that the settings name (a file, syslog) keep all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import msgspec
import structlog
from msgspec import Struct

from workers.core.text import printable
from workers.core.user import bounded_name, user_at_host
from workers.ledger import keys
from workers.ledger.acts import Act, Actor
from workers.ledger.audit_copies import Copy, copies_of
from workers.ledger.client import RedisClient
from workers.ledger.small_writes import write
from workers.settings.model import Settings

log = structlog.get_logger("tq.audit")

#: Characters of what an act concerns, and of each detail, that are kept.
MOST_TEXT = 300

#: Entries that are kept by a process that reads no settings, and that are read in one call.
MOST_ENTRIES, PAGE = 20_000, 200

#: Seconds for which it is remembered that a copy could not be written.
FAILING_S = 86_400


class AuditEntry(Struct, frozen=True, omit_defaults=True):
    """What was done. `what` is what it was done to; the details are texts and numbers, by name."""

    #: An `Act`, or the word of a later version.
    act: str
    by: str
    via: str
    address: str = ""
    what: str = ""
    detail: dict[str, str | int] = {}


#: What stands for an entry that was not written by us.
_UNREADABLE = AuditEntry("unreadable", "", "")


class Recorded(Struct, frozen=True):
    """An entry of the trail, the id that Redis gave it, and when (ms of Redis' clock)."""

    id: str
    at_ms: int
    entry: AuditEntry


class AuditFilter(Struct, frozen=True):
    """Which entries are looked for: of an act, of an actor whose name says `by`, through what; "": of any."""

    act: str = ""
    by: str = ""
    via: str = ""

    def among(self, recorded: Iterable[Recorded]) -> Iterator[Recorded]:
        """Yield those of the entries that are looked for."""
        return (entry for entry in recorded if self._fits(entry.entry))

    def _fits(self, entry: AuditEntry) -> bool:
        return (
            self.act in ("", entry.act)
            and self.via in ("", entry.via)
            and self.by.casefold() in entry.by.casefold()
        )


class Audit:
    """Records what one actor does; raises ServiceAway("redis")."""

    def __init__(
        self,
        redis: RedisClient,
        actor: Actor | None = None,
        *,
        most: int = MOST_ENTRIES,
        copies: Sequence[Copy] = (),
    ) -> None:
        self.redis = redis
        self.actor = actor or Actor(user_at_host(), "process")
        self._most, self._copies = most, copies

    @classmethod
    def of(cls, redis: RedisClient, settings: Settings, actor: Actor) -> Self:
        """Return the trail with the bound and the copies that the settings name."""
        return cls(redis, actor, most=settings.audit_entries, copies=copies_of(settings))

    def by(self, actor: Actor) -> Audit:
        """Return the same trail for another actor."""
        return Audit(self.redis, actor, most=self._most, copies=self._copies)

    def record(self, act: Act, what: str = "", **detail: str | int) -> None:
        """Write down that the actor has done something; a copy that fails never stops the act, but is told of."""
        actor = self.actor
        entry = AuditEntry(
            act,
            by=bounded_name(actor.name),
            via=bounded_name(actor.via),
            address=bounded_name(actor.address),
            what=printable(what[:MOST_TEXT])[:MOST_TEXT],
            detail={name: _bounded(value) for name, value in detail.items() if value != ""},
        )
        text = msgspec.json.encode(entry)
        (entry_id,) = write(self.redis, ("XADD", keys.AUDIT, "MAXLEN", "~", self._most, "*", "entry", text))
        self._copy(_line(_recorded(entry_id, text)))

    def _copy(self, line: bytes) -> None:
        for copy in self._copies:
            try:
                copy(line)
            except OSError as error:
                reason = f"{copy.name}: {error.strerror or error}"
                log.error("an entry of the audit trail was not copied", reason=reason)
                noted = ("HSET", keys.AUDIT_FAILING, user_at_host(), f"{int(time.time() * 1000)} {reason}")
                write(self.redis, noted, ("EXPIRE", keys.AUDIT_FAILING, FAILING_S))


def entries(redis: RedisClient, *, before: str = "+", since_ms: float | None = None) -> Iterator[Recorded]:
    """Yield the entries, the newest first, from the one before the id `before`; raises ServiceAway("redis")."""
    first, last = ("-" if since_ms is None else str(int(since_ms))), before if before == "+" else f"({before}"
    while True:
        page = redis.xrevrange(keys.AUDIT, last, first, count=PAGE)
        yield from (_recorded(entry_id, fields.get(b"entry", b"")) for entry_id, fields in page)
        if len(page) < PAGE:
            return
        last = f"({page[-1][0].decode()}"


def entries_after(redis: RedisClient, entry_id: str) -> list[Recorded]:
    """Return the next entries after the one with this id, the oldest first; raises ServiceAway("redis")."""
    page = redis.xrange(keys.AUDIT, f"({entry_id}", "+", count=PAGE)
    return [_recorded(next_id, fields.get(b"entry", b"")) for next_id, fields in page]


def as_line(recorded: Recorded) -> dict[str, Any]:
    """Return an entry as programs read it: what is in it, its id and its time (ISO 8601, UTC)."""
    seconds, millis = divmod(recorded.at_ms, 1000)
    moment = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{millis:03}Z"
    return {"at": moment, "id": recorded.id, **msgspec.to_builtins(recorded.entry)}


def failing_copies(redis: RedisClient) -> Mapping[str, tuple[int, str]]:
    """Return where copies of the trail could not be written in the last day: user@host -> when (ms) and why."""
    failures = {}
    for place, text in redis.hgetall(keys.AUDIT_FAILING).items():
        at_ms, _, reason = text.decode(errors="replace").partition(" ")
        failures[place.decode(errors="replace")] = (int(at_ms), reason)
    return failures


def _line(recorded: Recorded) -> bytes:
    return msgspec.json.encode(as_line(recorded)) + b"\n"


def _recorded(entry_id: bytes, text: bytes) -> Recorded:
    try:
        entry = msgspec.json.decode(text, type=AuditEntry)
    except (msgspec.MsgspecError, UnicodeError):
        entry = _UNREADABLE
    known = entry_id.decode()
    return Recorded(known, int(known.partition("-")[0]), entry)


def _bounded(value: str | int) -> str | int:
    """Return a detail from outside so that it hides nothing and is not too long."""
    return printable(value[:MOST_TEXT])[:MOST_TEXT] if isinstance(value, str) else value
