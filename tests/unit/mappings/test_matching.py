"""A document has the first mapping whose match holds; of one that has none, the nearest are known."""

from __future__ import annotations

import pytest

from tests.support.mappings import ALARM, TRAIL, mappings_of
from workers.core.errors import InputError
from workers.mappings.matching import NEAREST

_OTHER = """\
name: {name}
version: 1
match: {match}
priority: {priority}
fields: {{event_name: a, event_type: b}}
"""


def other(name: str, match: str, priority: int = 0) -> str:
    return _OTHER.format(name=name, match=match, priority=priority)


def test_a_document_has_the_mapping_that_is_for_it() -> None:
    mappings = mappings_of(ALARM, TRAIL)
    alarm, trail = (
        mappings.choose({"vendor": "ACME", "alarm": {"a": 1}}),
        mappings.choose({"Records": [1], "account": 2}),
    )
    assert alarm is not None
    assert trail is not None
    assert (alarm.name, trail.name) == ("acme-alarm", "acme-trail")
    assert mappings.choose({"vendor": "ACME"}) is None
    assert mappings.choose({"vendor": "Other", "alarm": {"a": 1}}) is None


@pytest.mark.parametrize(
    "match",
    [
        "a",
        "a.b || a",
        "x || a",
        "(x || a) && !y",
        "a != `null`",
        "x == null",
        "type(x) == 'null'",
        "not_null(x, a)",
        "length(keys(@)) == `1`",
        "a[0] || a",
        "a > `0`",
        "contains(to_string(@), '1')",
        "x != 'y'",
    ],
)
def test_no_mapping_is_overlooked_by_the_look_at_top_level_fields(match: str) -> None:
    assert mappings_of(other("m", f'"{match}"')).choose({"a": 1}) is not None


def test_the_higher_priority_is_tried_first_and_then_the_name() -> None:
    mappings = mappings_of(other("b", "a"), other("c", "a", 5), other("a", "a", 1))
    chosen = mappings.choose({"a": 1})
    assert chosen is not None
    assert chosen.name == "c"


def test_a_match_that_fails_is_no_match() -> None:
    mappings = mappings_of(other("m", "starts_with(a, 'x')"), other("n", "a"))
    chosen = mappings.choose({"a": 1})
    assert chosen is not None
    assert chosen.name == "n"


def test_the_nearest_mappings_say_what_a_document_lacks() -> None:
    mappings = mappings_of(ALARM, TRAIL, other("m", "p && q"), other("n", "z"))
    nearest = [str(near) for near in mappings.nearest({"Records": [], "vendor": "ACME", "alarm": None})]
    assert len(nearest) == NEAREST
    assert nearest[0] == "acme-alarm (is none for which `vendor == 'ACME' && alarm` holds)"
    assert nearest[1] == "acme-trail (has no account)"


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"mapping: there is no 'x'; the nearest are "):
        mappings_of(ALARM, TRAIL).named("x")
