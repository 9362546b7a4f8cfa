"""How jobs stand that were sent again: the true state of each, and its event where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
from msgspec import Struct

from workers.ledger import keys
from workers.ledger.history import ENDS, read_history
from workers.ledger.packed import dictionary_of, history_of, is_packed
from workers.ledger.records import State

if TYPE_CHECKING:
    from workers.ledger.accept import Accepted, Flow

#: What a sender is told of a job: "queued" until it came to something.
Status = Literal["queued", "waiting", "done", "dead", "refused"]


class KnownJob(Struct, frozen=True):
    """A job that was accepted before: its state now, and what was noted when it came to that."""

    state: State = "accepted"
    note: dict[str, Any] = {}

    @property
    def status(self) -> Status:
        """The state in a sender's words."""
        return cast("Status", self.state) if self.state in ENDS else "queued"

    @property
    def event_id(self) -> int:
        """The id of its event in ThreatQ, 0 while there is none."""
        return int(self.note.get("event_id") or 0)

    @property
    def link(self) -> str:
        """The address of its event in ThreatQ, "" while there is none."""
        return str(self.note.get("link") or "")

    @property
    def reason(self) -> str:
        """Why it is dead, refused or waits, else ""."""
        return str(self.note.get("reason") or "")

    def fields(self) -> dict[str, Any]:
        """Return what a line of a log says of it."""
        values = {"state": self.status, "event_id": self.event_id, "link": self.link, "reason": self.reason}
        return {name: value for name, value in values.items() if value}


def known_jobs_flow(repeats: Sequence[Accepted]) -> Flow[list[KnownJob]]:
    """Read how the jobs stand that `repeats` name, in their order; needs the right to read their progress."""
    kept = [answer.id for answer in repeats if not answer.state]
    answers = (yield [command for job_id in kept for command in _commands(job_id)]) if kept else []
    known = {
        job_id: _known_job(progress, stream)
        for job_id, progress, stream in zip(kept, answers[::2], answers[1::2], strict=True)
    }
    # A job that is packed has no progress, like one that no worker has taken yet.
    known |= yield from _packed_flow([job_id for job_id in known if known[job_id] == KnownJob()])
    return [
        KnownJob(cast("State", answer.state), {"event_id": answer.event_id, "link": answer.link})
        if answer.state
        else known[answer.id]
        for answer in repeats
    ]


def _packed_flow(job_ids: Sequence[str]) -> Flow[dict[str, KnownJob]]:
    """Read how those of some jobs stand that are packed."""
    beginnings = (yield [("GETRANGE", keys.job(job_id), 0, 0) for job_id in job_ids]) if job_ids else []
    packed_ids = [
        job_id for job_id, beginning in zip(job_ids, beginnings, strict=True) if is_packed(beginning)
    ]
    records = (yield [("GET", keys.job(job_id)) for job_id in packed_ids]) if packed_ids else []
    packed = {job_id: record for job_id, record in zip(packed_ids, records, strict=True) if record}
    names = sorted({dictionary_of(record) for record in packed.values()})
    words = (yield [("GET", keys.dictionary(name)) for name in names]) if names else []
    dictionaries = dict(zip(names, words, strict=True))
    return {
        job_id: _known_job([b"done", history_of(record, dictionaries[dictionary_of(record)])], ())
        for job_id, record in packed.items()
    }


def _commands(job_id: str) -> list[tuple[str | int, ...]]:
    return [
        ("HMGET", keys.progress(job_id), "state", "history"),
        # Where earlier versions kept their notes.
        ("XREVRANGE", keys.history(job_id), "+", "-", "COUNT", 1),
    ]


def _known_job(progress: list[bytes | None], stream: Any) -> KnownJob:
    state, field = progress
    now = cast("State", (state or b"accepted").decode())
    notes = read_history(field, stream)
    if now not in ENDS or not notes or notes[-1].state != now:
        return KnownJob(now)
    return KnownJob(now, msgspec.json.decode(notes[-1].text))
