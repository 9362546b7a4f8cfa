"""Jobs for the page to show."""

from __future__ import annotations

from workers.core.jobs import Job
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead

#: What would run if it were not escaped.
NASTY = "<script>alert(1)</script>"


def accept(ledger: Ledger, title: str = "a title", **payload: object) -> str:
    """Accept a payload; return its job's id."""
    (accepted,) = ledger.accept(
        [Job("events.create", {"payload": {"event_name": title, **payload}}, producer="cli", title=title)]
    )
    return accepted.id


def bury(ledger: Ledger, title: str = "a title") -> str:
    """Accept a payload that then dies; return its job's id."""
    job_id = accept(ledger, title)
    ledger.settle([dead(claim, "the type is unknown") for claim in ledger.claim("events", 1)])
    return job_id
