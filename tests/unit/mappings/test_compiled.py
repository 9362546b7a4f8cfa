"""A compiled expression answers as the library's interpreter does, and the index leaves out no mapping."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError
from jmespath.visitor import Options

from tests.support.mappings import mapping_of
from tests.unit.mappings.shipped_samples import samples
from workers.mappings.expressions import Evaluation, Expression, NoValue, parse
from workers.mappings.folder import shipped
from workers.mappings.functions import FUNCTIONS
from workers.mappings.matching import GENERIC, Mappings

#: One for each kind of node, alone and inside of others.
EXPRESSIONS = (
    "a", "a.b", "a.b.c", '"a"."b"', "a[0]", "a[-1].b", "a[5]", "a[1:]", "a[*].b", "a[].b", "a[][]", "*.b", "a.*", "@",
    "a || b", "a && b", "!a", "!(a.b)", "a == b", "a != `null`", "a == 'x'", "a > b", "a[?b == 'x']", "a[?b].c",
    "a[?b && !(c)] | [0]", "a | b", "{x: a, y: b.c}", "[a, b.c]", "a.[b, c]", "a[].{x: b}", "`[1, 2]`", "'x'",
    "coalesce(a, b, 'c')", "coalesce(a.b, a[0])", "template('{} {}', a, b)", "length(a)", "contains(a, b)", "keys(a)",
    "join_non_empty(', ', a)", "sort_by(a, &b)", "map(&b, a)", "map(&[@, b], a)", "a < b", "a >= `1`",
    "a[::-1]", "a[:2][]", "merge(a, b)", "entries(a)", "a[].[coalesce(b, c)][]",
    "a && b || c", "(a || b).c", "not_null(a, b)", "a[?contains(b, 'x')]",
)  # fmt: skip

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def interpreted(text: str, document: Any) -> Any:
    """Return what the library gives, NoValue where it fails."""
    try:
        return jmespath.compile(text).search(document, Options(custom_functions=FUNCTIONS))
    except (JMESPathError, TypeError, ValueError, LookupError, AttributeError):
        return NoValue


@pytest.mark.parametrize("text", EXPRESSIONS)
@settings(max_examples=30)
@given(document=st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_a_compiled_expression_gives_what_the_library_gives(text: str, document: dict[str, Any]) -> None:
    try:
        given_value = Evaluation(document, FUNCTIONS).value(parse(text, "m.yaml:1", FUNCTIONS))
    except NoValue:
        given_value = NoValue
    expected = interpreted(text, document)
    # A value behind the one that coalesce takes is not worked out, and cannot fail.
    assert given_value == expected or (expected is NoValue and "coalesce" in text)


def test_the_mapping_that_is_chosen_is_the_first_of_all_whose_match_holds() -> None:
    ordered = sorted(shipped(), key=lambda mapping: (-mapping.priority, mapping.name))
    for own in samples().values():
        for document in (sample["document"] for sample in own):
            holding = (
                each
                for each in ordered
                if each.name != GENERIC and Evaluation(document, FUNCTIONS).holds(each.match)
            )
            assert shipped().choose(document) is next(holding, None)


OWN = """\
name: own-{0}
version: 1
match: vendor_{0} && event && kind == 'alert'
fields: {{event_name: name, event_type: kind}}
"""


def test_few_mappings_are_worked_out_for_a_document_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given the shipped mappings, and with them three hundred of the user's own
    documents = [sample["document"] for own in samples().values() for sample in own]
    more = Mappings([*shipped(), *(mapping_of(OWN.format(number)) for number in range(300))])
    worked_out: list[str] = []
    holds = Evaluation.holds

    def counting(self: Evaluation, expression: Expression) -> bool:
        worked_out.append(expression.text)
        return holds(self, expression)

    monkeypatch.setattr(Evaluation, "holds", counting)
    # When the mapping of each sample is chosen among them
    counts = []
    for mappings in (shipped(), more):
        worked_out.clear()
        for document in documents:
            mappings.choose(document)
        counts.append(len(worked_out))
    # Then three of them are tried for a document, however many more there are
    assert counts[0] == counts[1] < 3 * len(documents)
