"""Windows events as XML become what the same events are as JSON, and nothing in between is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.folder import shipped
from workers.mappings.syslog import read_line
from workers.mappings.windows_xml import is_windows_xml, read_event, windows_events
from workers.payload.log_lines import is_log_lines, log_lines

EVENT = """<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>
  <System>
    <Provider Name='Microsoft-Windows-Security-Auditing' Guid='{1}'/>
    <EventID Qualifiers='0'>4625</EventID>
    <TimeCreated SystemTime='2026-03-04T05:06:07.5Z'/>
    <Computer>dc-2.corp.example</Computer>
  </System>
  <EventData>
    <Data Name='TargetUserName'>leo &amp; co</Data>
    <Data Name='IpAddress'>203.0.113.7</Data>
    <Data>a</Data><Data>b</Data>
  </EventData>
</Event>"""

DOCUMENT = {
    "Event": {
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing", "Guid": "{1}"}},
            "EventID": {"#attributes": {"Qualifiers": "0"}, "#text": "4625"},
            "TimeCreated": {"#attributes": {"SystemTime": "2026-03-04T05:06:07.5Z"}},
            "Computer": "dc-2.corp.example",
        },
        "EventData": {"TargetUserName": "leo & co", "IpAddress": "203.0.113.7", "Data": ["a", "b"]},
    }
}


def test_an_event_becomes_the_object_that_its_mapping_knows() -> None:
    assert read_event(EVENT) == DOCUMENT
    mapping = shipped().choose(DOCUMENT)
    assert mapping is not None
    assert mapping.name == "windows-event"


@pytest.mark.parametrize(
    "around",
    [
        "{0}",
        "{0}\n{0}",
        "\ufeff<?xml version='1.0' encoding='utf-8'?>\n<Events a='b'>{0}{0}</Events>\n",
        "\n {0}",
    ],
)
def test_events_are_taken_out_of_what_is_around_them(around: str) -> None:
    data = around.format(EVENT).encode()
    assert is_log_lines(data)
    assert [document for _, document in log_lines(data)] == [DOCUMENT] * around.count("{0}")


@pytest.mark.parametrize("rest", ["words", "<Event><System>", '{"event_name": "x"}'])
def test_what_is_no_event_is_refused_beside_the_others(rest: str) -> None:
    assert list(windows_events(f"{EVENT}\n{rest}".encode())) == [
        (EVENT.encode(), DOCUMENT),
        (rest.encode(), None),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE Event [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Event><System>&b;</System></Event>',
        f"<Event>{'<a>' * 40}{'</a>' * 40}</Event>",
        "<Event>alone</Event>",
        "<Event><System></Event>",
        "<Other><System/></Other>",
    ],
)
def test_what_is_too_deep_declares_entities_or_is_no_event_is_none(text: str) -> None:
    assert read_event(text) is None


def test_an_event_behind_the_header_of_syslog_is_read() -> None:
    line = f"<13>Mar  4 05:06:07 dc-2 nxlog[17]: {' '.join(EVENT.split())}"
    document = read_line(line)
    assert document is not None
    assert document["Event"]["EventData"]["IpAddress"] == "203.0.113.7"
    assert document["syslog"]["host"] == "dc-2"


@given(st.text(), st.text())
def test_any_text_can_be_read(before: str, inside: str) -> None:
    read_event(inside)
    data = f"<Event {inside}>{before}</Event>{inside}".encode(errors="replace")
    assert is_windows_xml(data)
    assert len(list(windows_events(data))) >= 1
