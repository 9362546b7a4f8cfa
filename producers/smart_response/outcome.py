"""Waiting for what becomes of a job, for as long as that makes sense."""

from __future__ import annotations

from workers.errors import ServiceAway

TYPE_CHECKING = False
if TYPE_CHECKING:
    from producers.smart_response.link import Link, Outcome

#: Seconds after which we look whether waiting makes sense; an idle worker answers sooner.
FIRST_LOOK_S = 1.0


def outcome(link: Link, job_id: str, wait_s: float) -> Outcome:
    """Return the state done, dead or waiting with what was noted; "waiting" has the reason for not knowing more."""
    if wait_s <= 0:
        return _not_known("nobody waited for the outcome")
    try:
        found = _awaited(link, job_id, wait_s)
    except ServiceAway as error:
        return _not_known(str(error))
    except KeyboardInterrupt:
        return _not_known("nobody waited any longer for the outcome")
    return found or _not_known(f"the workers have not come to it within {wait_s:g} s")


def _awaited(link: Link, job_id: str, wait_s: float) -> Outcome | None:
    """Wait for the outcome; while ThreatQ is known to be away, only for a moment."""
    found = link.outcome(job_id, min(wait_s, FIRST_LOOK_S))
    if found is not None or wait_s <= FIRST_LOOK_S:
        return found
    if reason := link.away("threatq"):
        return _not_known(reason)
    return link.outcome(job_id, wait_s - FIRST_LOOK_S)


def _not_known(reason: str) -> Outcome:
    return "waiting", {"reason": reason}
