"""How jobs stand that were sent again: the true state of each, and its event where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
from msgspec import Struct

from workers.ledger import keys
from workers.ledger.history import ENDS, read_history
from workers.ledger.records import State

if TYPE_CHECKING:
    from workers.ledger.accept import Accepted, Flow

#: What a sender is told of a job: "queued" until it came to something.
Status = Literal["queued", "waiting", "done", "dead"]


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
        """Why it is dead or waits, else ""."""
        return str(self.note.get("reason") or "")

    def fields(self) -> dict[str, Any]:
        """Return what a line of a log says of it."""
        told = {"state": self.status, "event_id": self.event_id, "link": self.link, "reason": self.reason}
        return {name: value for name, value in told.items() if value}


def known_jobs_flow(repeats: Sequence[Accepted]) -> Flow[list[KnownJob]]:
    """Read how the jobs stand that `repeats` name, in their order; needs the right to read their progress."""
    kept = [answer.id for answer in repeats if not answer.state]
    answers = (yield [command for job_id in kept for command in _commands(job_id)]) if kept else []
    coming = iter(zip(answers[::2], answers[1::2], strict=True))
    return [
        KnownJob(cast("State", answer.state), {"event_id": answer.event_id})
        if answer.state
        else _known_job(*next(coming))
        for answer in repeats
    ]


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
