"""Every way in which LogRhythm says no, as one of our errors."""

from __future__ import annotations

from collections.abc import Mapping

from workers.core.errors import (
    BadCredentials,
    ConfigError,
    Dropped,
    MissingRights,
    Rejected,
    ServiceAway,
    Throttled,
    TqError,
)
from workers.core.http_answers import decoded
from workers.core.http_failures import retry_after
from workers.logrhythm.token import HOW_TO_RENEW

#: Characters of LogRhythm's own words that a message repeats.
MAX_WORDS = 500


class InvalidOwner(ConfigError):
    """LogRhythm does not take this person as the owner of a list."""


class NameTaken(Rejected):
    """A public list of this name exists already; retired ones keep their names."""


class ListGone(Rejected):
    """LogRhythm knows no such list; it was removed, or belongs to another LogRhythm. The next sync makes it anew."""


class ListTooLong(Rejected):
    """The list holds more items than the setting allows to compare; raise `sync_max_items`."""


class Deadlock(ServiceAway):
    """LogRhythm's database let another write win; this passes."""


class Fault(ServiceAway):
    """LogRhythm met an error of its own (500): on every call, or on this one list alone."""


#: What a call may simply be sent again for, because every call of ours may be repeated.
PASSING = (Deadlock, Throttled, Dropped)


def failure(status: int, body: bytes, headers: Mapping[str, str], call: str) -> TqError | None:
    """Return the error that this answer means, or None; `call` is method and path."""
    if 200 <= status < 300:
        return None
    reason = words(body)
    answer = f"LogRhythm answers {call} with {status}" + (f": {reason}" if reason else "")
    if status == 429:
        return Throttled("logrhythm", answer, after=retry_after(headers.get("Retry-After", "")))
    if status >= 500 and "deadlock" in reason.lower():
        return Deadlock("logrhythm", answer)
    if status == 500:
        return Fault("logrhythm", answer, after=retry_after(headers.get("Retry-After", "")))
    if status >= 500 or status == 408:
        return ServiceAway("logrhythm", answer, after=retry_after(headers.get("Retry-After", "")))
    return _refusal(status, reason, answer)


def endless(path: str, rows: int) -> ServiceAway:
    """Return the error for a listing that goes on and on."""
    return ServiceAway(
        "logrhythm", f"LogRhythm's listing {path} does not end after {rows:,} rows; check logrhythm_url"
    )


def words(body: bytes) -> str:
    """Return what an answer says went wrong; every field of it is optional, and it may be no JSON at all."""
    try:
        answer = decoded(body)
    except ValueError:
        return body.decode(errors="replace").strip()[:MAX_WORDS]
    if not isinstance(answer, dict):
        return str(answer)[:MAX_WORDS]
    faults = answer.get("validationErrors")
    parts = [answer.get("message"), answer.get("details"), *(faults if isinstance(faults, list) else [])]
    return "; ".join(str(part) for part in parts if part)[:MAX_WORDS]


def _refusal(status: int, reason: str, answer: str) -> TqError:
    if 300 <= status < 400:
        return ConfigError(
            f"{answer}; give LogRhythm's own address, redirects are not followed", field="logrhythm_url"
        )
    if status == 400:
        return _bad_request(reason, answer)
    if status in (401, 403):
        return _not_allowed(status, answer)
    kind = {404: ListGone, 409: NameTaken}.get(status, Rejected)
    return kind(answer)


def _bad_request(reason: str, answer: str) -> TqError:
    lowered = reason.lower()
    if "invalid owner" in lowered:
        return InvalidOwner(answer, field="logrhythm_owner")
    if "maxitemsthreshold" in lowered:
        return ListTooLong(f"{answer} Raise sync_max_items, or split the collection by score")
    return Rejected(answer)


def _not_allowed(status: int, answer: str) -> TqError:
    if status == 401:
        return BadCredentials(
            "logrhythm", f"is not accepted ({answer}); {HOW_TO_RENEW}", field="logrhythm_token"
        )
    return MissingRights(
        f"may not do this ({answer}); the API user needs write access Public Global Administrator, and the "
        "token must be made by a Global Administrator",
        field="logrhythm_token",
    )
