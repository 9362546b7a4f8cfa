"""Which notices are due: from findings, and what was sent before, to what is sent now. Touches nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct, structs

from workers.notices.notice import Finding, Notice

#: Milliseconds for which a finding is gone before that is told: what comes and goes within them is one and the same.
OVER_AFTER_MS = 120_000


class Incident(Struct, frozen=True):
    """A finding that was told of: since when there is one, when it was told last, and since when it is gone (0: not).

    All in ms of Redis' clock.
    """

    finding: Finding
    since_ms: int
    sent_ms: int
    gone_ms: int = 0


class Decision(Struct, frozen=True):
    """The notices that are due, and what is remembered of findings until the next decision, by their keys."""

    notices: list[Notice]
    incidents: dict[str, Incident]


def decide(
    findings: Sequence[Finding],
    incidents: Mapping[str, Incident],
    now_ms: int,
    *,
    repeat_ms: float,
    muted: Collection[str] = (),
) -> Decision:
    """Decide what is told at `now_ms`; of a cause that is muted nothing is told and nothing forgotten."""
    notices: list[Notice] = []
    after: dict[str, Incident] = {}
    present = {finding.key: finding for finding in findings}
    for key in {**incidents, **present}:
        before, finding = incidents.get(key), present.get(key)
        if key.partition(":")[0] in muted:
            notice, incident = None, before
        elif finding is None:
            notice, incident = _gone(incidents[key], now_ms)
        else:
            notice, incident = _there(finding, before, now_ms, repeat_ms)
        notices += [notice] if notice else []
        after |= {key: incident} if incident else {}
    return Decision(notices, after)


def _gone(before: Incident, now_ms: int) -> tuple[Notice | None, Incident | None]:
    if not before.gone_ms:
        return None, structs.replace(before, gone_ms=now_ms)
    if now_ms - before.gone_ms < OVER_AFTER_MS:
        return None, before
    return Notice("over", before.finding, before.since_ms, before.gone_ms), None


def _there(
    finding: Finding, before: Incident | None, now_ms: int, repeat_ms: float
) -> tuple[Notice | None, Incident]:
    if before is None:
        return Notice("began", finding, now_ms, now_ms), Incident(finding, now_ms, now_ms)
    if now_ms - before.sent_ms < repeat_ms:
        return None, structs.replace(before, finding=finding, gone_ms=0)
    return Notice("still", finding, before.since_ms, now_ms), Incident(finding, before.since_ms, now_ms)
