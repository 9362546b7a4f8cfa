"""The account at the end: what was accepted, what the ledger says of it, and what ThreatQ really holds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, field

from chaos.payloads import Wanted, title, wanted
from workers.ledger.admin import LedgerAdmin
from workers.threatq.client import Json, rows
from workers.threatq.service import ThreatQ

#: Events that are read in one call.
PAGE = 200

#: What is read of each event.
PARTS = ("attributes", "indicators", "identity", "malware")


class Account(Struct):
    """The figures of one scenario; `problems` are expectations of its own that did not hold.

    `lost`: accepted, and neither done with an event in ThreatQ nor dead. `doubled`: events too many.
    `incomplete`: payloads whose event lacks something.
    """

    fault: str
    accepted: int = 0
    done: int = 0
    dead: int = 0
    lost: int = 0
    doubled: int = 0
    incomplete: int = 0
    calls: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.incomplete or self.problems)


def settle_up(fault: str, sent: Mapping[int, str], admin: LedgerAdmin, threatq: ThreatQ) -> Account:
    """Compare what was sent (payload number -> job id) with the ledger and with ThreatQ."""
    states = {record.id: record.state for record in admin.records(list(sent.values()))}
    events = events_of(threatq)
    account = Account(fault, accepted=len(sent))
    for number, job_id in sent.items():
        state, found = states.get(job_id), events.get(title(number), [])
        account.done += state == "done"
        account.dead += state == "dead"
        account.lost += state not in ("done", "dead") or (state == "done" and not found)
        account.doubled += max(0, len(found) - 1)
        if state == "done" and found and (missing := "; ".join(lacks(found[0], wanted(number)))):
            account.incomplete += 1
            account.notes.append(f"{title(number)} lacks {missing}")
    account.notes += _open_states(states) + _reasons(admin)
    return account


def events_of(threatq: ThreatQ) -> dict[str, list[Json]]:
    """Return every event that ThreatQ holds with its parts, by title."""
    by_title: dict[str, list[Json]] = defaultdict(list)
    for event in _all_events(threatq):
        by_title[event["title"]].append(event)
    return by_title


def lacks(event: Json, what: Wanted) -> Iterator[str]:
    """Name the parts that an event must have and has not, or has twice."""
    attributes = [(row["name"], row["value"]) for row in event["attributes"]]
    yield from _differences("attribute", attributes, what.attributes)
    for part in PARTS[1:]:
        values = [str(row["value"]) for row in event[part]]
        yield from _differences(part, values, getattr(what, part))


def _differences(part: str, present: list[Any], must: frozenset[Any]) -> Iterator[str]:
    yield from (f"{part} {thing}" for thing in sorted(must - set(present)))
    yield from (f"{part} {thing} only once" for thing, count in Counter(present).items() if count > 1)


def _all_events(threatq: ThreatQ) -> Iterator[Json]:
    offset = 0
    while True:
        params = {"with": ",".join(PARTS), "limit": str(PAGE), "offset": str(offset)}
        page = list(rows(threatq.caller.call("GET", "/api/events", params=params)))
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _reasons(admin: LedgerAdmin) -> list[str]:
    reasons = Counter(
        str(record.result.get("reason")) for record in admin.records(admin.ids("dead", most=10**6))
    )
    return [f"{count} dead: {reason[:120]}" for reason, count in reasons.most_common(3)]


def _open_states(states: Mapping[str, str]) -> list[str]:
    still = Counter(state for state in states.values() if state not in ("done", "dead"))
    return [f"{count} still {state}" for state, count in still.items()]
