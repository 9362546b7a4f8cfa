"""CEF and LEEF lines become objects, whatever stands in them; what is no such line is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.mappings.lines import read_cef, read_leef

#: Text that a field may hold, and names of fields.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20).map(
    str.strip
)
NAMES = st.text("abcdefghijklmnop", min_size=1, max_size=8)


def test_a_cef_line_gives_header_and_extension() -> None:
    line = r"CEF:0|Example|Fire\|wall|9.1|TRF-17|Out \\ in|8|src=10.0.0.1 msg=a b \= c act=deny cs1Label=Rule cs1=no 17"
    assert read_cef(line) == {
        "version": "0",
        "vendor": "Example",
        "product": "Fire|wall",
        "product_version": "9.1",
        "event_id": "TRF-17",
        "name": "Out \\ in",
        "severity": "8",
        "time": None,
        "extension": {
            "src": "10.0.0.1",
            "msg": "a b = c",
            "act": "deny",
            "cs1Label": "Rule",
            "cs1": "no 17",
            "Rule": "no 17",
        },
    }


@pytest.mark.parametrize(
    ("frame", "time"),
    [
        ("<134>1 2026-03-04T05:06:07.123Z fw01 - - - - ", "2026-03-04T05:06:07.123Z"),
        ("2026-03-04T05:06:07+01:00 fw01 ", "2026-03-04T05:06:07+01:00"),
        # The older form names no year.
        ("<134>Mar  4 05:06:07 fw01 ", None),
        ("", None),
    ],
)
def test_the_time_of_a_syslog_frame_is_kept(frame: str, time: str | None) -> None:
    cef = read_cef(f"{frame}CEF:0|a|b|c|d|e|f|x=1")
    leef = read_leef(f"{frame}LEEF:1.0|a|b|c|d|x=1")
    assert cef is not None
    assert leef is not None
    assert (cef["time"], leef["time"]) == (time, time)


@pytest.mark.parametrize(
    ("line", "extension"),
    [
        ("LEEF:1.0|a|b|c|d|src=10.0.0.1\tmsg=a b=c", {"src": "10.0.0.1", "msg": "a b=c"}),
        ("LEEF:2.0|a|b|c|d|^|src=10.0.0.1^url=http://x/?a=b", {"src": "10.0.0.1", "url": "http://x/?a=b"}),
        ("LEEF:2.0|a|b|c|d|x5E|src=10.0.0.1^sev=3", {"src": "10.0.0.1", "sev": "3"}),
        ("LEEF:2.0|a|b|c|d|0x09|src=10.0.0.1\tsev=3", {"src": "10.0.0.1", "sev": "3"}),
        ("LEEF:1.0|a|b|c|d|", {}),
    ],
)
def test_a_leef_line_has_the_delimiter_that_it_names(line: str, extension: dict[str, str]) -> None:
    event = read_leef(line)
    assert event is not None
    assert (event["vendor"], event["event_id"], event["extension"]) == ("a", "d", extension)


@pytest.mark.parametrize("line", ["", "CEF:0|a|b", "LEEF:1.0|a", "src=10.0.0.1", "cef:0|a|b|c|d|e|f|"])
def test_what_is_no_such_line_is_none(line: str) -> None:
    assert read_cef(line) is None
    assert read_leef(line) is None


@given(st.dictionaries(NAMES, TEXTS.filter(lambda text: bool(text) and "\\" not in text), max_size=5))
def test_every_field_of_a_cef_line_comes_back(fields: dict[str, str]) -> None:
    written = " ".join(f"{name}={value.replace('=', chr(92) + '=')}" for name, value in fields.items())
    event = read_cef(f"CEF:0|a|b|c|d|e|5|{written}")
    assert event is not None
    assert event["extension"] == fields


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    for line in (text, f"CEF:{text}", f"CEF:0|a|b|c|d|e|f|{text}"):
        assert read_cef(line) is None or isinstance(read_cef(line), dict)
    for line in (text, f"LEEF:{text}", f"LEEF:2.0|a|b|c|d|{text}"):
        assert read_leef(line) is None or isinstance(read_leef(line), dict)
