"""CEF and LEEF: one line of text becomes an object."""

from __future__ import annotations

import re
from typing import Any

#: The field of a document that holds such a line.
LINE = "line"

#: The mark of such a line, and the characters at its beginning among which it stands: syslog's header is shorter.
_MARK = re.compile(r"(?:CEF:\s?\d|LEEF:\s?\d\.\d)\|")
_MOST_HEADER = 1_024

#: A separator of the header that no backslash escapes.
_BAR = re.compile(r"(?<!\\)\|")

#: The beginning of the next field of a CEF extension: a blank, a name, an equals sign that no backslash escapes.
_CEF_FIELD = re.compile(r"(?:^|(?<=\s))([A-Za-z0-9_.\[\]-]{1,100})(?<!\\)=")

#: How rsyslog writes a tabulator.
_TAB = "#011"

_LEEF_FIELD = re.compile(r"([A-Za-z0-9_.-]{1,100})=(.*)", re.DOTALL)

_FRAME_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{5,20}(?:Z|[+-]\d\d:?\d\d)?")

_ESCAPED = re.compile(r"\\([\\|=nr])")

_MEANT = {"n": "\n", "r": "\r"}

_HEX_DELIMITER = re.compile(r"(?:0x|x)([0-9A-Fa-f]{2,4})")

#: A character of CEF's own fields that holds a custom value, whose name stands in the field with `Label` behind it.
_LABEL = "Label"


def is_marked(text: str) -> bool:
    """Tell whether a text is a line of CEF or LEEF."""
    return bool(_MARK.search(text, 0, _MOST_HEADER))


def read_cef(text: str) -> dict[str, Any] | None:
    """Return the header and the extension of a CEF line, whatever stands before it; None where there is none.

    A custom field is also there under the name that its label gives it.
    """
    frame, mark, rest = text.partition("CEF:")
    parts = _BAR.split(rest, maxsplit=7)
    if not mark or len(parts) < 7:
        return None
    names = ("version", "vendor", "product", "product_version", "event_id", "name", "severity")
    header: dict[str, Any] = {
        name: _unescaped(part.strip()) for name, part in zip(names, parts, strict=False)
    }
    extension = _labelled(_cef_fields(parts[7] if len(parts) > 7 else ""))
    return {**header, "time": _time_of(frame), "extension": extension}


def read_leef(text: str) -> dict[str, Any] | None:
    """Return the header and the extension of a LEEF line, version 1 or 2; None where there is none."""
    frame, mark, rest = text.partition("LEEF:")
    version = rest.partition("|")[0].strip()
    is_second = version.startswith("2")
    parts = _BAR.split(rest, maxsplit=6 if is_second else 5)
    if not mark or len(parts) < 5:
        return None
    names = ("version", "vendor", "product", "product_version", "event_id")
    header: dict[str, Any] = {
        name: _unescaped(part.strip()) for name, part in zip(names, parts, strict=False)
    }
    delimiter, fields = "\t", parts[-1] if len(parts) > 5 else ""
    if is_second and len(parts) == 7:
        delimiter = _delimiter(parts[5]) or "\t"
    fields = fields.replace(_TAB, "\t")
    return {**header, "time": _time_of(frame), "extension": _leef_fields(fields, delimiter)}


def _time_of(frame: str) -> str | None:
    """Return the time that a syslog frame of RFC 5424 holds; the older form names no year."""
    return next((word for word in frame.split() if _FRAME_TIME.fullmatch(word)), None)


def _cef_fields(text: str) -> dict[str, str]:
    starts = list(_CEF_FIELD.finditer(text))
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {
        match[1]: _unescaped(text[match.end() : end].strip())
        for match, end in zip(starts, ends, strict=False)
    }


def _labelled(fields: dict[str, str]) -> dict[str, str]:
    named = {
        label: fields[name.removesuffix(_LABEL)]
        for name, label in fields.items()
        if name.endswith(_LABEL) and name.removesuffix(_LABEL) in fields
    }
    return {**named, **fields}


def _leef_fields(text: str, delimiter: str) -> dict[str, str]:
    """Read the fields; many senders of version 1 put blanks where the tabulators belong, as CEF has them."""
    if delimiter == "\t" and delimiter not in text.strip():
        return _cef_fields(text)
    matches = (_LEEF_FIELD.match(part.strip()) for part in text.split(delimiter))
    return {match[1]: _unescaped(match[2].strip()) for match in matches if match}


def _delimiter(text: str) -> str:
    hexadecimal = _HEX_DELIMITER.fullmatch(text.strip())
    return chr(int(hexadecimal[1], 16)) if hexadecimal else text[:1]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _MEANT.get(match[1], match[1]), text) if "\\" in text else text
