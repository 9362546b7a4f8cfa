"""When a notice is due: once for a finding, again while it lasts, and once when it is over."""

from __future__ import annotations

from workers.notices.decisions import OVER_AFTER_MS, Decision, Incident, decide
from workers.notices.notice import Finding

HOUR_MS = 3_600_000
REPEAT_MS = 4 * HOUR_MS

DEAD = Finding("dead_letters", "", 3, "3 dead letters", "3 jobs died.", "tqctl dead list")
MORE = Finding("dead_letters", "", 900, "900 dead letters", "900 jobs died.", "tqctl dead list")
PAUSED = Finding("paused_queue", "events", 7, "Queue events is paused", "It waits.", "tqctl resume events")


def after(decision: Decision | None, findings: list[Finding], now_ms: int, *muted: str) -> Decision:
    incidents: dict[str, Incident] = decision.incidents if decision else {}
    return decide(findings, incidents, now_ms, repeat_ms=REPEAT_MS, muted=muted)


def told(decision: Decision) -> list[tuple[str, str]]:
    return [(notice.event, notice.finding.title) for notice in decision.notices]


def test_what_is_new_is_told_once_for_each_finding_and_not_for_each_job() -> None:
    first = after(None, [DEAD, PAUSED], 1_000)
    second = after(first, [MORE, PAUSED], 31_000)

    assert told(first) == [("began", "3 dead letters"), ("began", "Queue events is paused")]
    assert told(second) == []


def test_what_lasts_is_told_again_after_the_set_hours_with_the_count_of_then() -> None:
    first = after(None, [DEAD], 1_000)
    before = after(first, [MORE], 1_000 + REPEAT_MS - 1)
    then = after(before, [MORE], 1_000 + REPEAT_MS)
    later = after(then, [MORE], 1_000 + REPEAT_MS + HOUR_MS)

    assert [told(each) for each in (before, then, later)] == [[], [("still", "900 dead letters")], []]
    assert then.notices[0].since_ms == 1_000


def test_what_is_gone_is_told_once_and_then_forgotten() -> None:
    first = after(None, [DEAD], 1_000)
    gone = after(first, [], 60_000)
    over = after(gone, [], 60_000 + OVER_AFTER_MS)
    later = after(over, [], 90_000 + OVER_AFTER_MS)

    assert [told(each) for each in (gone, over, later)] == [[], [("over", "3 dead letters")], []]
    assert (over.notices[0].since_ms, over.notices[0].at_ms) == (1_000, 60_000)
    assert over.incidents == {}


def test_what_comes_and_goes_is_one_incident() -> None:
    decision = after(None, [PAUSED], 0)
    for minute in range(1, 120):
        decision = after(decision, [PAUSED] if minute % 2 else [], minute * 60_000)
        assert told(decision) == []


def test_a_muted_cause_is_neither_told_nor_forgotten() -> None:
    first = after(None, [PAUSED], 1_000)
    muted = after(first, [DEAD], 2_000 + OVER_AFTER_MS, "dead_letters", "paused_queue")
    heard = after(muted, [DEAD, PAUSED], 3_000 + OVER_AFTER_MS)

    assert told(muted) == []
    assert muted.incidents == first.incidents
    assert told(heard) == [("began", "3 dead letters")]
