"""The guide's YAML and the names of lists."""

from __future__ import annotations

from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError
from workers.listsync.plan.mapping import ListFamily, MappedCollection, family_of, parse_mapping
from workers.listsync.plan.naming import ListKey, family, list_name
from workers.listsync.plan.types import DEFAULTS

TYPES = tuple(DEFAULTS)

GUIDE = """---
LogRhythm-IOCList:
  baseName: "ThreatQ: "
  splitBy: scoreRange
"""


def test_the_guides_example_is_read_as_it_stands() -> None:
    assert parse_mapping(GUIDE, TYPES) == (ListFamily.of("LogRhythm-IOCList", "ThreatQ: ", "scoreRange"),)


def test_split_by_type_is_the_default() -> None:
    (family_,) = parse_mapping('---\nIOCs:\n  baseName: "T: "\n', TYPES)

    assert family_ == ListFamily("T: ", (MappedCollection("IOCs", "tqtype"),))


def test_several_collections_are_read_in_their_order() -> None:
    text = '---\nB:\n  baseName: "B: "\nA: "A: "\n'

    assert parse_mapping(text, TYPES) == (ListFamily.of("B", "B: "), ListFamily.of("A", "A: "))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # nothing at all
        ("", ["no data collection", "baseName"]),
        ("---\n", ["no data collection", "baseName"]),
        # the colon of the base name without quotes
        ("---\nA:\n  baseName: ThreatQ: all\n", ["line 3", "quotes"]),
        # the guide's example after its indentation was lost on the way
        ('---\nA:\nbaseName: "T: "\n', ["line 2", "'A'", "indent"]),
        # keys
        ('---\nA:\n  basename: "T: "\n', ["line 3", "'basename'", "did you mean 'baseName'"]),
        ('---\nA:\n  baseName: "T: "\n  colour: red\n', ["line 4", "'colour'", "use one of"]),
        ("---\nA:\n  splitBy: score\n", ["line 2", "'A'", "no baseName"]),
        ('---\nA:\n  baseName: ""\n', ["line 3", "base name must be text"]),
        ("---\nA:\n  baseName: [x]\n", ["line 3", "base name must be text"]),
        ('---\nA:\n  baseName: "a\\nb"\n', ["line 3", "line break"]),
        ("---\nA:\n- b\n", ["line 3", "'A'", "baseName"]),
        # values
        ('---\nA:\n  baseName: "T: "\n  splitBy: scorerange\n', ["line 4", "did you mean 'scoreRange'"]),
        ('---\nA:\n  baseName: "T: "\n  splitBy: []\n', ["line 4", "use one of tqtype, score, scoreRange"]),
        # the same thing twice
        ('---\nA: "T: "\nA: "U: "\n', ["line 3", "'A'", "line 2"]),
        ('---\nA:\n  baseName: "T: "\n  baseName: "U: "\n', ["line 4", "baseName", "line 3"]),
        # two documents, a tab, a list as a key, a NUL
        ('---\nA: "T: "\n---\nB: "U: "\n', ["line 3"]),
        ('---\nA:\n\tbaseName: "T: "\n', ["line 3"]),
        ("---\n? [a]\n: b\n", ["line 2", "plain text"]),
        ("---\nA: \x00\n", ["not YAML"]),
        # deeper than can be meant
        ("A: [" * 2_000, ["not YAML"]),
        # two collections for one list
        ('---\nA: "T: "\nB: "t: "\n', ["line 3", "'A' (line 2)", "another"]),
    ],
)
def test_an_error_names_the_line_the_key_and_the_remedy(text: str, said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, TYPES)

    assert all(part in str(caught.value) for part in ["sync_collections", *said]), str(caught.value)


def test_two_collections_that_would_write_one_list_are_refused_by_name() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_mapping('---\nA: "ThreatQ: "\nB: "threatq: "\n', TYPES)

    assert "'A' (line 2) and 'B'" in str(caught.value)
    assert "letter by letter" in str(caught.value)


def test_collections_of_one_base_name_become_one_family() -> None:
    united, other = parse_mapping('---\nA: "T: "\nX: "X: "\nB: "T: "\n', TYPES)

    assert (united.name, united.names) == ("A + B", ("A", "B"))
    assert other.names == ("X",)
    assert [family_of((united, other), name) for name in ("A + B", "B", "X", "Y")] == [
        united,
        united,
        other,
        None,
    ]


def test_one_base_name_may_serve_two_ways_of_splitting_and_those_that_share_a_list_are_one_family() -> None:
    text = """---
    A: "T: "
    B: {baseName: "T: ", splitBy: score}
    C: {baseName: "T: ", splitBy: scoreRange}"""

    by_type, by_score = parse_mapping(text, TYPES)

    assert (by_type.names, by_score.names) == (("A",), ("B", "C"))
    assert {"T: FQDN: 7", "T: FQDN: High", "T: FQDN: Not Scored"} <= by_score.lists(TYPES).keys()
    assert "T: FQDN" not in by_score.lists(TYPES)


@given(st.text())
def test_any_text_is_read_or_refused_with_a_configuration_error(text: str) -> None:
    with suppress(ConfigError):
        assert parse_mapping(text, TYPES)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)


@given(st.dictionaries(NAMES, st.sampled_from(["tqtype", "score", "scoreRange"]), min_size=1, max_size=4))
def test_what_yaml_writes_is_read_back(wanted: dict[str, str]) -> None:
    body = {
        name: {"baseName": f"Base {i}: ", "splitBy": split} for i, (name, split) in enumerate(wanted.items())
    }
    text = yaml.safe_dump(body, explicit_start=True, allow_unicode=True, sort_keys=False)

    read = parse_mapping(text, TYPES)

    assert {
        c.name: {"baseName": item.base_name, "splitBy": c.split_by} for item in read for c in item.collections
    } == body


def test_lists_are_called_as_in_the_guide() -> None:
    assert list_name("ThreatQ: ", ListKey("FQDN", "")) == "ThreatQ: FQDN"
    assert list_name("ThreatQ: ", ListKey("FQDN", "Very High")) == "ThreatQ: FQDN: Very High"
    assert list(family("ThreatQ: ", "scoreRange", ["FQDN"])) == [
        "ThreatQ: FQDN: Very High",
        "ThreatQ: FQDN: High",
        "ThreatQ: FQDN: Medium",
        "ThreatQ: FQDN: Low",
        "ThreatQ: FQDN: Very Low",
        "ThreatQ: FQDN: Not Scored",
    ]


def test_a_list_of_another_family_is_not_taken_for_ours_because_its_name_begins_alike() -> None:
    names = family("ThreatQ: ", "tqtype", TYPES)

    assert "ThreatQ: FQDN" in names
    assert "ThreatQ: FQDN: High" not in names
    assert "ThreatQ: FQDN by hand" not in names
