"""XML becomes the object that others send as JSON, alone and behind the header of a line."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.syslog import read_line
from workers.mappings.xml_text import read_xml
from workers.payload.log_lines import is_log_lines, log_lines

RECORD = '<alert id="3"><name>Beacon</name><src port="80">203.0.113.7</src><tag>a</tag><tag>b</tag></alert>'
DOCUMENT = {
    "alert": {
        "id": "3",
        "name": "Beacon",
        "src": {"port": "80", "#text": "203.0.113.7"},
        "tag": ["a", "b"],
    }
}

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)


def test_an_element_becomes_an_object() -> None:
    assert read_xml(RECORD) == DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "bb">]><a><c>&b;</c></a>',
        f"<a>{'<b>' * 40}{'</b>' * 40}</a>",
        "<a>words alone</a>",
        "<a><b></a>",
        f"{RECORD}{RECORD}",
        "",
    ],
)
def test_what_is_too_deep_declares_entities_or_is_no_element_is_none(text: str) -> None:
    assert read_xml(text) is None


@pytest.mark.parametrize(
    ("data", "documents"),
    [
        (RECORD, [DOCUMENT]),
        (f'\ufeff<?xml version="1.0"?>\n{RECORD}\n', [DOCUMENT]),
        (f"{RECORD}\n{RECORD}", [DOCUMENT, DOCUMENT]),
        (f"<a>words</a>\n{RECORD}", [None, DOCUMENT]),
    ],
)
def test_records_as_xml_are_taken(data: str, documents: list[object]) -> None:
    assert is_log_lines(data.encode())
    assert [document for _, document in log_lines(data.encode())] == documents


def test_a_page_of_html_is_none() -> None:
    assert not is_log_lines(b"<html><body>Bad gateway</body></html>")


def test_a_record_behind_the_header_of_syslog_is_read() -> None:
    line = f'<29>1 2026-03-04T05:06:07Z av1 agent - - [x@1 a="1"] <?xml version="1.0"?>{RECORD}'
    document = read_line(line)
    assert document is not None
    assert document["alert"] == DOCUMENT["alert"]
    assert document["syslog"]["time"] == "2026-03-04T05:06:07Z"


def test_an_address_of_mail_at_the_end_of_a_line_is_none() -> None:
    document = read_line("<13>Mar  4 05:06:07 mx smtp[17]: refused <mia@corp.example>")
    assert document is not None
    assert document["syslog"]["message"] == "refused <mia@corp.example>"


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), TEXTS, min_size=1), TEXTS)
def test_what_is_written_comes_back(fields: dict[str, str], attribute: str) -> None:
    inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
    document = read_xml(f"<record A={quoteattr(attribute)}>{inside}</record>")
    assert document == {"record": {"A": attribute, **fields}}


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for data in (text, f"<a {text}", f"<a>{text}</a>", f"<a b='{text}'/>"):
        assert read_xml(data) is None or isinstance(read_xml(data), dict)
