"""A line of a log gives the fields that its sender wrote, whatever stands before and between them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.syslog import is_line, read_fields, read_line

NAMES = st.text("abcdefghijklmnop_", min_size=1, max_size=8).filter(lambda name: name[0] != "_")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20)


@pytest.mark.parametrize(
    ("line", "header"),
    [
        (
            "<134>1 2026-03-04T05:06:07Z fw01 utm 17 - - a=1 b=2 c=3",
            {"pri": "134", "time": "2026-03-04T05:06:07Z", "host": "fw01", "program": "utm"},
        ),
        ("<134>1 2026-03-04T05:06:07Z - - - - - a=1 b=2 c=3", {"pri": "134", "time": "2026-03-04T05:06:07Z"}),
        ("<13>Mar  4 05:06:07 fw01 utm[17]: a=1 b=2 c=3", {"pri": "13", "host": "fw01", "program": "utm"}),
        ("Mar  4 2026 05:06:07 fw01 : a=1 b=2 c=3", {"time": "Mar  4 2026 05:06:07", "host": "fw01"}),
        ("2026-03-04T05:06:07+01:00 fw01 a=1 b=2 c=3", {"time": "2026-03-04T05:06:07+01:00", "host": "fw01"}),
        ("[audit] a=1 b=2 c=3", {"program": "audit"}),
        ("<13>a=1 b=2 c=3", {"pri": "13"}),
        ("a=1 b=2 c=3", {}),
    ],
)  # fmt: skip
def test_a_header_says_when_where_and_by_what(line: str, header: dict[str, str]) -> None:
    assert read_line(line) == {"a": "1", "b": "2", "c": "3", "syslog": {"line": line, **header}}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('msg="a b, c=d" user=mia ott src=1.2.3.4', {"msg": "a b, c=d", "user": "mia ott", "src": "1.2.3.4"}),
        (r'msg="say \"hi\"" x=', {"msg": 'say "hi"', "x": ""}),
        ("a='1 2', b=3;c=4|d=5", {"a": "1 2", "b": "3", "c": "4", "d": "5"}),
        ('[x@1 a="1" b="2"][y@1 c="3"]', {"a": "1", "b": "2", "c": "3"}),
        ("a=x [b=1 ][c d=2 ]", {"a": "x", "b": "1", "d": "2"}),
        ("[x@1 a=1 b=mia] Link down: eth0", {"a": "1", "b": "mia"}),
        # Quoted by CSV.
        ('a=""x y"" b=""2"" c=3', {"a": "x y", "b": "2", "c": "3"}),
        ('action:"Drop"; src:"203.0.113.7"; at: noon', {"action": "Drop", "src": "203.0.113.7"}),
        ("url=https://a.example/x?y=1&z=2 end=1", {"url": "https://a.example/x?y=1&z=2", "end": "1"}),
        ('a="never closed', {"a": "never closed"}),
    ],
)  # fmt: skip
def test_fields_are_told_apart_by_their_names(text: str, fields: dict[str, str]) -> None:
    assert read_fields(text)[0] == fields


@pytest.mark.parametrize(
    ("line", "document"),
    [
        (
            '<13>Mar  4 05:06:07 h prog[1]: {"rule": "Beacon"}',
            {"rule": "Beacon", "syslog": {"pri": "13", "host": "h", "program": "prog"}},
        ),
        ('@cee: {"rule": "Beacon"}', {"rule": "Beacon"}),
        ('{"rule": "Beacon"}', {"rule": "Beacon"}),
        (
            "<13>Mar  4 05:06:07 h sshd: Failed password",
            {
                "syslog": {
                    "line": "<13>Mar  4 05:06:07 h sshd: Failed password",
                    "pri": "13",
                    "host": "h",
                    "program": "sshd",
                    "message": "Failed password",
                }
            },
        ),
        (
            "1772600767.123 fw01 urls src=203.0.113.7:80",
            {
                "syslog": {
                    "line": "1772600767.123 fw01 urls src=203.0.113.7:80",
                    "time": "1772600767.123",
                    "host": "fw01",
                    "message": "urls src=203.0.113.7:80",
                }
            },
        ),
        # Lines without a header, by what only a log has: a moment, a program's process, Cisco's name of a message.
        *((line, {"syslog": {"line": line, "message": line}}) for line in (
            '203.0.113.7 - mia [04/Mar/2026:05:06:07 +0100] "GET /a HTTP/1.1" 200 7',
            "203.0.113.7:4711 [04/Mar/2026:05:06:07.123] front back/b1 0/0/1 200 7",
            "03/04/2026:05:06:07 GMT gw 0-PPE-0 : default AAA Message 7 0 : rejected",
            "Session for mia 4 Mar 2026 05:06:07 ended",
            "04-Mar-2026 05:06:07.123 client 10.0.0.7#53: query: a.example IN A",
            # An address, or a person.
            "Accepted password for mia from 203.0.113.7 port 4711 ssh2",
            "(17) Login OK: [host/ws-17] (from client wlan port 8)",
            "session closed for user mia",
            # Columns, and a word for how bad it is.
            "::1, -, 11/20/2026, 15:44:03, site",
            "Info     fw1 Setting cache to 178 MByte",
        )),
        (
            "sshd[17]: Failed",
            {"syslog": {"line": "sshd[17]: Failed", "program": "sshd", "message": "Failed"}},
        ),
        (
            "%ASA-6-302013: Built",
            {"syslog": {"line": "%ASA-6-302013: Built", "program": "%ASA-6-302013", "message": "Built"}},
        ),
        (
            "[hostd@1 a=1 b=2 c=mia] Link down",
            {
                "a": "1",
                "b": "2",
                "c": "mia",
                "syslog": {"line": "[hostd@1 a=1 b=2 c=mia] Link down", "message": "Link down"},
            },
        ),
        ("Some words alone", None),
        ('Broken: {"rule": ', None),
    ],
)  # fmt: skip
def test_json_and_words_are_read_behind_a_header(line: str, document: dict[str, Any] | None) -> None:
    assert read_line(line) == document


def test_words_before_the_fields_are_the_message() -> None:
    document = read_line("<13>Mar  4 05:06:07 h kernel: BAD HOST DROP IN=eth0 SRC=203.0.113.7 DST=10.0.0.1")
    assert document is not None
    assert document["syslog"]["message"] == "BAD HOST DROP"


def test_an_address_before_the_fields_is_kept() -> None:
    document = read_line('Accept gw [04/Mar/2026:05:06:07 +0100] "203.0.113.7 uid=mia,ou=People,o=corp"')
    assert document is not None
    assert document["syslog"]["before"] == 'Accept gw [04/Mar/2026:05:06:07 +0100] "203.0.113.7 '
    document = read_line("disconnect from unknown[203.0.113.7] ehlo=1 mail=1 quit=1")
    assert document is not None
    assert document["syslog"]["message"] == "disconnect from unknown[203.0.113.7]"


def test_the_address_of_a_client_with_its_port_is_no_host_of_the_header() -> None:
    document = read_line("2026-03-04 05:06:07 203.0.113.7:4711 [mia] connected")
    assert document is not None
    assert "host" not in document["syslog"]
    assert document["syslog"]["message"] == "203.0.113.7:4711 [mia] connected"


@given(st.dictionaries(NAMES, TEXTS, min_size=3, max_size=6))
def test_what_a_sender_quotes_comes_back(fields: dict[str, str]) -> None:
    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    line = " ".join(f"{name}={quoted(text)}" for name, text in fields.items())
    document = read_line(line)
    assert document is not None
    assert is_line(document)
    assert {name: document[name] for name in fields} == fields


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert read_line(text) is None or isinstance(read_line(text), dict)
