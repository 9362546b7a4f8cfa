"""The status page's pure parts: words, the chart, and where a sign-in may lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from msgspec import structs

from producers.http.ui.home import HEIGHT, chart, round_up, services
from producers.http.ui.render import pretty, visible
from producers.http.ui.sign_in import place
from workers.core.text import age, counted
from workers.ledger.breaker_records import Away
from workers.ledger.groups import GroupState
from workers.ledger.overview import Overview
from workers.ledger.throughput import Minute


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (7260, "2 h 1 min"),
        (90_000, "1 d 1 h"),
        (-1, "0 s"),
    ],
)
def test_an_age_has_at_most_two_units(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_a_count_has_its_noun() -> None:
    assert [counted(0, "job"), counted(1, "job"), counted(2_000, "entry", "entries")] == [
        "0 jobs",
        "1 job",
        "2,000 entries",
    ]


@given(st.text())
def test_what_hides_or_turns_the_writing_is_shown_as_its_code(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & set("\x00\x1b\u202e\u2066\u200b\ud800")
    shown.encode()


def test_a_reversed_file_name_is_seen_for_what_it_is() -> None:
    assert visible("x\u202egnp.exe") == "x\\u202egnp.exe"
    assert visible(Markup("<b>\u202e</b>")) == "<b>\u202e</b>"
    assert visible("two\nlines\t") == "two\nlines\t"


def test_json_is_shown_in_the_writing_that_it_came_in() -> None:
    assert pretty({"name": "Журнал"}) == '{\n  "name": "Журнал"\n}'


@given(st.integers(0, 10**7))
def test_the_charts_top_is_even_and_not_far_above_the_busiest_minute(busiest: int) -> None:
    top = round_up(busiest)
    assert top >= busiest
    assert top % 2 == 0
    assert top <= max(2, busiest * 2.5)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=60))
def test_no_bar_leaves_the_chart(counts: list[tuple[int, int]]) -> None:
    drawn = chart([Minute(at * 60_000, done, dead) for at, (done, dead) in enumerate(counts)])
    assert drawn.done + drawn.dead == sum(map(sum, counts))
    for bar in drawn.bars:
        assert bar.dead_y >= 0
        assert bar.done_y + bar.done_height == pytest.approx(HEIGHT, abs=0.02)


@pytest.mark.parametrize("text", ["/", "/jobs/0123", "/jobs?list=dead", "/jobs?q=a%20b+c"])
def test_a_sign_in_leads_to_a_page_of_ours(text: str) -> None:
    assert place(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb", "/é"],
)
def test_a_sign_in_leads_nowhere_else(text: str) -> None:
    assert place(text) == "/"


def _overview(*away: Away, upkeep_s: float | None, **lacking: str) -> Overview:
    return Overview(0, [], list(away), 0, 0, 0, 0, upkeep_s, lacking)


def test_a_service_that_is_away_is_named_with_its_reason() -> None:
    away = Away("threatq", "it answers 503", 0, 0, 3)
    found = services(_overview(away, upkeep_s=1.0, threatq="", logrhythm=""))
    assert [(item.name, item.state, item.dot) for item in found] == [
        ("ThreatQ", "away", "bad"),
        ("LogRhythm", "well", "good"),
        ("Upkeep", "well", "good"),
    ]
    assert found[0].detail == "it answers 503"


def test_a_service_is_well_only_if_a_worker_said_that_it_is_configured() -> None:
    threatq, logrhythm, _ = services(_overview(upkeep_s=1.0, logrhythm="not set: TQ_LOGRHYTHM_URL"))
    assert (threatq.state, threatq.dot) == ("not known", "none")
    assert (logrhythm.state, logrhythm.dot) == ("not configured", "none")
    assert logrhythm.detail == "not set: TQ_LOGRHYTHM_URL"


@pytest.mark.parametrize("upkeep_s", [None, 31.0])
def test_a_silent_upkeep_comes_with_its_remedy(upkeep_s: float | None) -> None:
    upkeep = services(_overview(upkeep_s=upkeep_s))[-1]
    assert upkeep.dot == "bad"
    assert "celery beat" in upkeep.detail


def test_a_source_that_is_limited_is_named_with_the_count_of_its_firings() -> None:
    group = GroupState.read("g", {b"source": b"Zeek", b"count": b"12", b"event": b"7", b"until": b"1"})
    assert group
    limited = services(structs.replace(_overview(upkeep_s=1.0), limited=[group]))[-2]
    assert (limited.name, limited.state, limited.dot) == ("Source Zeek", "limited", "bad")
    assert "12 firings" in limited.detail
    assert "event 7" in limited.detail
