"""Scores, types and the normal forms of values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError
from workers.listsync.plan.gather import score_rank, time_rank
from workers.listsync.plan.naming import SplitBy, bucket, buckets_of
from workers.listsync.plan.types import CASELESS, DEFAULTS, FORMS, TypeTable
from workers.threatq.rows import Named, Row, whole_score
from workers.threatq.score_bands import ScoreBands

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@pytest.mark.parametrize(
    ("raw", "score"),
    [
        # numbers, floored and clamped: ThreatQ may store up to 100
        (7, 7),
        (7.9, 7),
        (10, 10),
        (37, 10),
        (0, 0),
        # text, as the API sends it beside single indicators
        ("9.00", 9),
        ("0.00", 0),
        ("high", None),
        ("nan", None),
        ("inf", 10),
        # the object: what a person set wins
        ({"generated_score": "5.00", "manual_score": None}, 5),
        ({"generated_score": "5.00", "manual_score": "2"}, 2),
        ({"generated_score": "5.00", "manual_score": 0}, 0),
        ({"generated_score": "5.00", "manual_score": ""}, 5),
        ({}, None),
        # no score
        (None, None),
        (-1, None),
        (True, None),
        ([], None),
    ],
)
def test_a_score_is_read_in_every_shape(raw: object, score: int | None) -> None:
    assert whole_score(raw) == score


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (10, "Very High"),
        (9, "High"),
        (8, "Medium"),
        (7, "Medium"),
        (6, "Low"),
        (5, "Low"),
        (4, "Very Low"),
        (1, "Very Low"),
        (0, "Not Scored"),
        (None, "Not Scored"),
    ],
)
def test_a_score_falls_in_the_band_of_the_landing_page(score: int | None, band: str) -> None:
    assert bucket(score, "scoreRange", ScoreBands()) == band


def test_where_zero_belongs_is_a_setting_and_no_score_is_never_very_low() -> None:
    bands = ScoreBands(zero="Very Low")

    assert bucket(0, "scoreRange", bands) == "Very Low"
    assert bucket(None, "scoreRange", bands) == "Not Scored"


def test_bounds_can_be_moved_but_not_crossed() -> None:
    assert ScoreBands(medium=6).band(6) == "Medium"
    with pytest.raises(ConfigError, match="sync_score_bands"):
        ScoreBands(medium=5, low=5)


@given(ANYTHING | st.dictionaries(st.sampled_from(["manual_score", "generated_score"]), ANYTHING))
def test_every_score_falls_in_one_bucket_of_its_family(raw: object) -> None:
    splits: tuple[SplitBy, ...] = ("tqtype", "score", "scoreRange")
    for split_by in splits:
        assert bucket(whole_score(raw), split_by, ScoreBands()) in buckets_of(split_by)


@pytest.mark.parametrize(
    ("type_name", "given", "normal"),
    [
        ("IP Address", " 192.0.2.10 ", "192.0.2.10"),
        ("IP Address", "192.0.2.010", None),
        ("IP Address", "192.0.2.10:443", None),
        ("IPv6 Address", "2001:DB8:0:0::1", "2001:db8::1"),
        ("FQDN", "Bad.Example.", "bad.example"),
        ("FQDN", "http://bad.example", None),
        ("FQDN", "bad\ud800.example", None),
        ("MD5", "9E107D9D372BB6826BD81D3542A419D6", "9e107d9d372bb6826bd81d3542a419d6"),
        ("MD5", "9e107d9d", None),
        ("SHA-1", "g" * 40, None),
        ("SHA-512", "A" * 128, "a" * 128),
        ("URL", "bad.example/Path?q=1", "bad.example/Path?q=1"),
        ("URL", "bad.example/\n", "bad.example/"),
        ("URL", "bad\nexample", None),
        ("Email Address", "Eve@Bad.Example", "eve@bad.example"),
        ("Email Address", "eve", None),
        ("CIDR Block", "192.0.2.7/24", "192.0.2.0,192.0.2.255"),
        ("CIDR Block", "2001:db8::/126", "2001:db8::,2001:db8::3"),
        ("CIDR Block", "192.0.2.0/33", None),
    ],
)
def test_a_value_is_brought_to_its_normal_form(type_name: str, given: str, normal: str | None) -> None:
    assert DEFAULTS[type_name].normal(given) == normal


@given(st.sampled_from(sorted(FORMS)), st.text() | st.from_regex(r"[0-9A-Fa-f:.@]{1,64}", fullmatch=True))
def test_a_normal_form_stays_as_it_is(form: str, value: str) -> None:
    normal = FORMS[form](value)

    if normal is not None and form != "ip_range":
        assert FORMS[form](normal) == normal
    if normal is not None and form in CASELESS:
        assert normal.lower() == normal


def test_only_general_value_lists_have_a_context_and_each_has_one() -> None:
    for rule in DEFAULTS.values():
        assert bool(rule.use_context) == (rule.list_type == "GeneralValue")


def test_a_type_is_found_whatever_its_capitals() -> None:
    assert TypeTable().canonical(" sha-256") == "SHA-256"
    assert TypeTable().canonical("CVE") is None


def test_the_type_table_can_be_overridden_extended_and_cut() -> None:
    changed = TypeTable().overridden(
        {
            "fqdn": {"listType": "GeneralValue", "form": "fqdn", "useContext": ["HostName"]},
            "CVE": {"listType": "GeneralValue", "form": "text", "useContext": ["CVE"]},
            "URL": None,
        }
    )

    assert changed["FQDN"].use_context == ("HostName",)
    assert changed["CVE"].list_type == "GeneralValue"
    assert "URL" not in changed
    assert len(TypeTable()) == 10


@pytest.mark.parametrize(
    "change",
    [
        # an empty context is what LogRhythm answers with a 400
        {"listType": "GeneralValue", "form": "text"},
        {"listType": "Host", "form": "fqdn", "useContext": ["HostName"]},
        {"listType": "Hosts", "form": "fqdn"},
        {"listType": "Host", "form": "fqdn", "colour": "red"},
        "Host",
    ],
)
def test_a_wrong_type_rule_is_refused_with_its_name(change: object) -> None:
    with pytest.raises(ConfigError, match=r"sync_types: CVE: .*give listType, form"):
        TypeTable().overridden({"CVE": change})


def test_the_rank_puts_score_before_age_and_unreadable_times_last() -> None:
    old, new = time_rank("2023-01-01 00:00:00"), time_rank("2024-01-01T00:00:00.123Z")
    never = time_rank("at some other time")

    order = [never, old, new, score_rank(1) + never, score_rank(9) + old, score_rank(9) + new]

    assert order == sorted(order)
    assert len(set(order)) == len(order)
    assert score_rank(None) == score_rank(0) == never


def test_a_type_is_read_as_text_or_as_an_object() -> None:
    assert Row("x", "FQDN").type_name == Row("x", Named("FQDN")).type_name == "FQDN"
    assert Row("x").type_name == ""
