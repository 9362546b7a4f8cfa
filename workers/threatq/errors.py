"""Every way in which ThreatQ says no, as one of our errors.

The shapes are those of the public clients: a field map under `data` (XSOAR), a list at the top (XSOAR,
SPL2; also in a 2xx answer), an error inside an item of a 2xx answer (Polarity), `name` and `message`
(Siemplify), and OAuth's `error` and `error_description` on the token call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workers.core.errors import ConfigError, MissingRights, Rejected, ServiceAway, Throttled, TqError
from workers.core.http_failures import retry_after

#: Answers that pass by themselves: timeouts, too early, too many requests.
PASSING = frozenset({408, 425, 429})
#: Seconds that ThreatQ may still work on a request for which a proxy has given up waiting (504).
GATEWAY_BUSY_S = 30.0
#: Characters of ThreatQ's own words that a message repeats.
MAX_WORDS = 500


class ServiceRefusal(Rejected):
    """ThreatQ refuses this very request; correct what it names and replay the job.

    `status` is the HTTP status, `fields` maps the fields that ThreatQ blames to its words.
    """

    def __init__(
        self, message: str = "", *, status: int = 400, fields: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields = dict(fields or {})

    @property
    def is_absent(self) -> bool:
        """Whether ThreatQ knows no such thing, or no such call."""
        return self.status in (404, 405)


class ServerFault(ServiceAway):
    """ThreatQ fails inside (500); this passes, unless one object causes it each time."""


def failure(status: int, body: object, headers: Mapping[str, str], call: str) -> TqError | None:
    """Return the error that this answer means, or None; `call` is method and path, without parameters."""
    words = _quoted(body)
    if 200 <= status < 300:
        return (
            ServiceRefusal(f"ThreatQ refuses {call}{words}", status=status, fields=blamed(body))
            if words
            else None
        )
    if status in PASSING or status >= 500:
        kind = Throttled if status in PASSING else ServerFault if status == 500 else ServiceAway
        reason = f"ThreatQ answers {call} with {status}{words}"
        busy_s = GATEWAY_BUSY_S if status == 504 else 0.0
        return kind("threatq", reason, after=retry_after(headers.get("Retry-After", "")), busy_s=busy_s)
    if status == 403:
        return MissingRights(f"ThreatQ forbids {call}{words}; give the account a role that may do this")
    if 300 <= status < 400:
        return ConfigError(_redirected(call, headers), field="threatq_url")
    return ServiceRefusal(f"ThreatQ refuses {call} with {status}{words}", status=status, fields=blamed(body))


def blamed(body: object) -> dict[str, str]:
    """Return the fields that a refusal names (shape A), each with ThreatQ's words."""
    errors = _errors(body)
    return {str(k): "; ".join(_texts(v)) for k, v in errors.items()} if isinstance(errors, dict) else {}


def words(body: object) -> str:
    """Return what a body says went wrong, in any of the known shapes, or ""."""
    if not isinstance(body, dict):
        return ""
    errors = _errors(body)
    if isinstance(errors, dict):
        texts = [f"{name}: {text}" for name, text in blamed(body).items()]
    else:
        texts = list(_texts(errors))
    if not texts:
        texts = [body[key] for key in ("error", "error_description", "message") if _is_said(body.get(key))]
    return "; ".join(texts)[:MAX_WORDS]


def item_error(row: Mapping[str, Any]) -> str:
    """Return the error that one item of a bulk answer carries (shape C), or ""."""
    return "; ".join(_texts(row.get("error") or row.get("errors")))[:MAX_WORDS]


def _errors(body: object) -> object:
    """Return what stands under `errors`, at the top (shape B) or under `data` (shape A)."""
    if not isinstance(body, dict):
        return None
    data = body.get("data")
    return body.get("errors") or (data.get("errors") if isinstance(data, dict) else None)


def _texts(value: object) -> Iterator[str]:
    """Yield every text in nested lists and objects."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif value is not None and value is not False and value != "":
        yield str(value)


def _is_said(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _quoted(body: object) -> str:
    reason = words(body)
    return f": {reason}" if reason else ""


def _redirected(call: str, headers: Mapping[str, str]) -> str:
    target = headers.get("Location", "").split("?")[0] or "another address"
    return f"ThreatQ redirects {call} to {target}; set ThreatQ's own address (redirects are not followed)"
