"""Command lines as LogRhythm builds them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.smart_response.commands import ACTIONS, ALARM_FIELDS
from producers.smart_response.syntax import read_pairs
from workers.core.errors import InputError
from workers.core.text import seconds

ALARM = ["123", "ThreatQ Blocklist", "2020-08-25 20:20:20"]


def arguments(command: str, *argv: str) -> dict[str, Any]:
    """The arguments of the job that a command line becomes."""
    action = ACTIONS[command]
    return action.job(*action.syntax.read(argv)).arguments


def observed(*argv: str) -> dict[str, str]:
    """What a sighting's command line says was observed."""
    found: dict[str, str] = arguments("tq-sighting", *argv)["observed"]
    return found


def test_the_guides_example_of_a_sighting() -> None:
    # When the guide's own line is read
    action = ACTIONS["tq-sighting"]
    line = [*ALARM, "-SIP", "156.86.198.45", "-DIP", "157.86.198.45"]
    folders = ["-c", "L:\\ThreatQ\\config\\", "-ll", "L:\\ThreatQ\\logs\\", "-v3"]
    words, values = action.syntax.read([*line, *folders])
    # Then each part is where it belongs
    assert words == ALARM
    assert values["config"] == "L:\\ThreatQ\\config\\"
    assert values["loglocation"] == "L:\\ThreatQ\\logs\\"
    assert values["verbosity"] == "3"
    assert action.job(words, values).arguments == {
        "alarm_id": "123",
        "alarm_name": "ThreatQ Blocklist",
        "alarm_date": "2020-08-25 20:20:20",
        "observed": {"SIP": "156.86.198.45", "DIP": "157.86.198.45"},
    }


def test_empty_fields_arrive_as_bare_switches() -> None:
    line = ["-SIP", "1.2.3.4", "-DIP", "-DHostName", "-SHostName", "web01", "-Recipient", "-Sender", "-URL"]
    assert observed(*ALARM, *line, "-Object") == {"SIP": "1.2.3.4", "SHostName": "web01"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # A switch with the blank that the plugin's definition ends in
        (["-SIP ", "1.2.3.4"], {"SIP": "1.2.3.4"}),
        # Switch and value in one argument
        (["-SIP 1.2.3.4", "-URL "], {"SIP": "1.2.3.4"}),
        # An empty argument
        (["-SIP", "", "-DIP", "1.2.3.4"], {"DIP": "1.2.3.4"}),
        # A value that begins with a hyphen
        (["-Object", "-rf /", "-SIP"], {"Object": "-rf /"}),
        # A value that lost its quotes
        (["-Object", "annual", "report.docx", "-SIP"], {"Object": "annual report.docx"}),
        # Quotes that belong to the value
        (["-Object", 'say "hello"'], {"Object": 'say "hello"'}),
        # The same switch twice: an empty one takes nothing away
        (["-SIP", "1.2.3.4", "-SIP"], {"SIP": "1.2.3.4"}),
    ],
)
def test_values_arrive_in_every_way_in_which_logrhythm_sends_them(
    line: list[str], expected: dict[str, str]
) -> None:
    assert observed(*ALARM, *line) == expected


def test_switches_may_stand_before_the_alarm() -> None:
    assert observed("-v", "2", "-SIP", "1.2.3.4", *ALARM) == {"SIP": "1.2.3.4"}


@pytest.mark.parametrize("name", ["-Odd name-", "-URL blocked", "--- critical ---", 'He said "no"', "a  b"])
def test_an_alarms_name_may_look_like_anything(name: str) -> None:
    assert arguments("tq-sighting", "1", name, ALARM[2], "-SIP")["alarm_name"] == name


def test_a_name_and_a_date_that_lost_their_quotes_are_put_together() -> None:
    found = arguments("tq-sighting", "123", "ThreatQ", "Block", "list", "2020-08-25", "20:20:20", "-SIP")
    assert (found["alarm_name"], found["alarm_date"]) == ("ThreatQ Block list", "2020-08-25 20:20:20")


def test_a_value_that_begins_with_a_hyphen_is_a_value() -> None:
    assert arguments("tq-lookup", "String", "-enc SQBFAFgA")["value"] == "-enc SQBFAFgA"


def test_equal_alarms_are_the_same_job_however_they_were_written() -> None:
    action = ACTIONS["tq-sighting"]
    job = action.job(*action.syntax.read([*ALARM, "-SIP", "1.2.3.4", "-URL"]))
    two = action.job(*action.syntax.read(["-v3", *ALARM, "-DIP", "-SIP 1.2.3.4 "]))
    assert job.id == two.id


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("False Positive:Yes,Confidence:High", [["False Positive", "Yes"], ["Confidence", "High"]]),
        # The guide's other spelling
        ("[attr1:val1,attr2:val2]", [["attr1", "val1"], ["attr2", "val2"]]),
        ("Note:one, two", [["Note", "one, two"]]),
        (
            "See:http://a.example/x,http://b.example:8080/y",
            [["See", "http://a.example/x,http://b.example:8080/y"]],
        ),
        ("'a:1'", [["a", "1"]]),
        ("", []),
        ("[]", []),
    ],
)
def test_attributes(text: str, pairs: list[list[str]]) -> None:
    assert read_pairs(text, field="--attribute") == pairs


@pytest.mark.parametrize("text", ["Confidence", "Confidence:", ":High", "a:1,:2"])
def test_half_an_attribute_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--attribute.*write name:value"):
        read_pairs(text, field="--attribute")


@pytest.mark.parametrize(
    ("command", "argv", "missing"),
    [
        ("tq-lookup", [], "indicator type"),
        ("tq-lookup", ["IP Address"], "indicator value"),
        ("tq-lookup", ["IP Address", "  "], "indicator value"),
        ("tq-sighting", ["1", "name"], "alarm date"),
    ],
)
def test_what_is_missing_is_named(command: str, argv: list[str], missing: str) -> None:
    with pytest.raises(InputError, match=f"{missing}: is missing"):
        arguments(command, *argv)


@pytest.mark.parametrize(
    ("argv", "force"),
    [
        (["FQDN", "google.com"], None),
        (["FQDN", "google.com", "--force"], True),
        (["--force", "FQDN", "google.com", "--attribute", "Confidence:High"], True),
    ],
)
def test_force_is_a_part_of_the_job_only_where_it_is_asked_for(argv: list[str], force: bool | None) -> None:
    assert arguments("tq-add-ioc", *argv).get("force") == force


def test_words_too_many_are_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match="quotes"):
        arguments("tq-lookup", "IP", "Address", "1.2.3.4")


@pytest.mark.parametrize("option", ["--atribute", "-Foo", "-SIPP"])
@pytest.mark.parametrize("line", [["tq-lookup", "FQDN", "bad.example"], ["tq-sighting", *ALARM]])
def test_a_misspelt_option_is_refused_instead_of_becoming_a_part_of_something(
    line: list[str], option: str
) -> None:
    with pytest.raises(InputError, match=f"{option}: is no option of {line[0]}"):
        arguments(*line, option, "x")


@pytest.mark.parametrize("command", sorted(ACTIONS))
def test_the_help_text_names_every_word_and_switch(command: str) -> None:
    syntax = ACTIONS[command].syntax
    text = syntax.help()
    assert all(f"<{word.label}>" in text for word in syntax.words)
    assert all(name in text for switch in syntax.switches for name in switch.names)


@given(st.lists(st.text()))
def test_no_command_line_breaks_the_reader(argv: list[str]) -> None:
    for action in ACTIONS.values():
        words, values = action.syntax.read(argv)
        assert all(isinstance(part, str) for part in (*words, *values.values()))


@given(st.dictionaries(st.sampled_from(sorted(ALARM_FIELDS)), st.text()))
def test_whatever_stands_in_a_field_arrives_unless_it_looks_like_a_switch(fields: dict[str, str]) -> None:
    expected = {name: text.strip() for name, text in fields.items() if text.strip()}
    if not any(text.strip().startswith("-") for text in fields.values()):
        line = [part for name, text in fields.items() for part in (f"-{name}", text)]
        assert observed(*ALARM, *line) == expected


@given(st.text())
def test_no_attribute_text_breaks_the_reader(text: str) -> None:
    try:
        pairs = read_pairs(text, field="--attribute")
    except InputError:
        return
    assert all(name and value for name, value in pairs)


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "-5", "1e9"])
def test_a_mistyped_wait_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        seconds(text)
