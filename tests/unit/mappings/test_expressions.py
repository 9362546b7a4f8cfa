"""Expressions are checked when they are read, and bounded in time when they are used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jmespath.functions import Functions

from workers.mappings import expressions
from workers.mappings.expressions import Evaluation, MappingFault, NoValue, TakesTooLong, parse
from workers.mappings.functions import FUNCTIONS, MappingFunctions


def value(text: str, document: dict[str, Any], **names: Any) -> Any:
    let = [(name, parse(f"`{json.dumps(given)}`", "m.yaml:1", FUNCTIONS)) for name, given in names.items()]
    evaluation = Evaluation(document, FUNCTIONS, let)
    return evaluation.value(parse(text, "m.yaml:1", FUNCTIONS, names))


@pytest.mark.parametrize(
    ("text", "document", "expected"),
    [
        ("coalesce(a, b, 'c')", {"a": "", "b": None}, "c"),
        # 0 and false are values.
        ("coalesce(a, b)", {"a": "-", "b": "mia"}, "mia"),
        ("template('{} in {}', a, b)", {"a": ["x"], "b": ["y"]}, "x in y"),
        ("coalesce(a, b)", {"a": 0, "b": 1}, 0),
        ("join_non_empty(', ', [a, b, c])", {"a": "x", "c": 3}, "x, 3"),
        ("join_non_empty(', ', [a])", {}, None),
        ("template('{} on {}', a, b)", {"a": "x", "b": 1}, "x on 1"),
        ("template('{} on {}', a, b)", {"a": "x"}, None),
        ("template('{}{}', a, b)", {"a": "x", "b": "y"}, "xy"),
        ("time(a)", {"a": 1633460462}, "2021-10-05T19:01:02+00:00"),
        ("time(a)", {"a": "soon"}, None),
        ("split(',', a)", {"a": "x, y,,"}, ["x", "y"]),
        ("before(a, '@')", {"a": "x@y"}, "x"),
        ("after(a, '@')", {"a": "x"}, None),
        ("basename(a)", {"a": "C:\\Temp\\x.exe"}, "x.exe"),
        ("refang(a)", {"a": "hxxp://bad[.]example"}, "http://bad.example"),
        ("defang(a)", {"a": "http://bad.example"}, "hxxp://bad[.]example"),
        ("hash_type(a)", {"a": "d" * 40}, "SHA-1"),
        ("hash_type(a)", {"a": "z" * 40}, None),
        ("json(a).b", {"a": '{"b": 1}'}, 1),
        ("json(a)", {"a": "{"}, None),
        (
            "lookup(a, 'name', 'ip').value",
            {"a": [{"name": "x"}, {"name": "ip", "value": "1.2.3.4"}]},
            "1.2.3.4",
        ),
        ('pick(`{"1": "High"}`, a)', {"a": 1}, "High"),
        ('pick(`{"1": "High"}`, a, \'Low\')', {"a": 2}, "Low"),
        ("entries(a)", {"a": {"b": 1}}, [{"name": "b", "value": 1}]),
        ("list(a)", {"a": "x"}, ["x"]),
        ("unique(a)", {"a": [1, 1, {"b": 1}, {"b": 1}]}, [1, {"b": 1}]),
        ("concat(a, b, c)", {"a": [1], "b": 2}, [1, 2]),
        ("cef(a).extension.src", {"a": "<1>x CEF:0|V|P|1|id|n|5|src=1.2.3.4 msg=a b"}, "1.2.3.4"),
        ("leef(a).extension.src", {"a": "LEEF:1.0|V|P|1|id|src=1.2.3.4\tdst=x"}, "1.2.3.4"),
    ],
)
def test_our_functions_give_what_the_reference_says(
    text: str, document: dict[str, Any], expected: Any
) -> None:
    assert value(text, document) == expected


OURS = sorted(MappingFunctions.FUNCTION_TABLE.keys() - Functions.FUNCTION_TABLE.keys())


@pytest.mark.parametrize("name", OURS)
def test_none_of_our_functions_fails_for_want_of_a_value(name: str) -> None:
    signature = MappingFunctions.FUNCTION_TABLE[name]["signature"]
    assert value(f"{name}({', '.join(['missing'] * len(signature))})", {}) in (None, [])


def test_what_let_gives_is_worked_out_once_and_only_where_it_is_asked_for() -> None:
    # given a name that cannot be worked out, which another one asks for
    texts = {"wrong": "length(a)", "again": "$wrong || 'other'"}
    let = [(name, parse(text, "m.yaml:1", FUNCTIONS, ["wrong"])) for name, text in texts.items()]
    evaluation = Evaluation({"a": 1, "b": "x"}, FUNCTIONS, let)

    # when it is not needed, then nothing is wrong
    assert evaluation.value(parse("coalesce(b, $again)", "m.yaml:2", FUNCTIONS, texts)) == "x"
    assert evaluation.faults == []

    # when it is, then it is null, and told once with its place
    expression = parse("[$again, $wrong]", "m.yaml:3", FUNCTIONS, texts)
    assert evaluation.value(expression) == ["other", None]
    assert [fault[:22] for fault in evaluation.faults] == ["m.yaml:1: `length(a)`:"]


def test_what_takes_too_long_is_named_by_its_own_line_though_another_one_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expressions, "BUDGET_S", 0)
    slow = parse(
        "[a[*].b, a[*].c, a[*].d, a[*].e, a[*].f, a[*].g, a[*].h, a[*].i, " * 4 + "a" + "]" * 4,
        "m.yaml:1",
        FUNCTIONS,
    )
    evaluation = Evaluation({"a": [{}]}, FUNCTIONS, [("slow", slow)])

    with pytest.raises(TakesTooLong, match=r"^m\.yaml:1: ") as refused:
        evaluation.value(parse("coalesce(b, $slow)", "m.yaml:2", FUNCTIONS, ["slow"]))

    assert "m.yaml:2" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[{0}, {0}][]",
        "concat({0}, {0})",
        "join('', [to_string({0}), to_string({0})])",
        # What holds another one twice is small until it is written out.
        "[{0}, {0}]",
        "{{x: {0}, y: [{0}]}}",
        "map(&[@, @], [{0}])",
    ],
)
def test_names_that_double_each_other_end_before_the_memory_is_full(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "BUDGET_S", 60)
    names = ["b", *(f"$n{number}" for number in range(60))]
    let = [
        (f"n{number}", parse(text.format(name), f"m.yaml:{number}", FUNCTIONS, [name[1:]]))
        for number, name in enumerate(names[:-1])
    ]
    evaluation = Evaluation({"b": ["x", "y"]}, FUNCTIONS, let)

    with pytest.raises(TakesTooLong, match=r"^m\.yaml:\d+: .*more than 20,000,000 items and characters"):
        evaluation.value(parse("$n59", "m.yaml:99", FUNCTIONS, ["n59"]))


def test_a_name_that_let_gave_is_known_inside_of_a_filter_too() -> None:
    # given a list, and the id of one of its items
    document = {"objects": [{"id": "a", "v": 1}, {"id": "b", "v": 2}], "ref": "b"}
    # then the filter sees the name, and the document itself
    assert value("objects[?id == $wanted].v", document, wanted="b") == [2]
    assert value("objects[?id == $document.ref].v", document) == [2]


def test_a_dollar_in_a_text_is_no_name() -> None:
    assert value("'costs $money'", {}) == "costs $money"
    assert value('"$schema"', {"$schema": 1}) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a b", "no JMESPath"),
        ("", "no JMESPath"),
        ("a.[", "no JMESPath"),
        ("shout(a)", "there is no function shout()"),
        ("lower(a, b)", "lower() takes 1 argument, not 2"),
        ("template('x')", "template() takes 2 arguments or more, not 1"),
        ("$nothing", "no `let` above gives $nothing"),
        ("a[?" * 2_000 + "b" + "]" * 2_000, "no JMESPath"),
    ],
)
def test_a_fault_in_an_expression_is_told_when_it_is_read(text: str, reason: str) -> None:
    with pytest.raises(MappingFault) as caught:
        parse(text, "own/mine.yaml:7: fields.event_name", FUNCTIONS)
    assert str(caught.value).startswith("own/mine.yaml:7: fields.event_name: `")
    assert reason in str(caught.value)


def test_what_cannot_be_worked_out_names_its_place_and_its_text() -> None:
    with pytest.raises(NoValue, match=r"m.yaml:1: `length\(a\)`: In function length"):
        value("length(a)", {})


def test_an_expression_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a budget that is spent at once
    monkeypatch.setattr(expressions, "BUDGET_S", 0.0)
    document = {"a": [{"b": number} for number in range(1_000)]}
    # when each item looks at all others
    with pytest.raises(TakesTooLong, match="take more than"):
        value("a[?contains($document.a[].b, b)]", document)
