"""Logs, which are no JSON: each line, and each event as XML, becomes a document; CEF and LEEF as they came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from workers.mappings.lines import LINE
from workers.mappings.syslog import is_of_log, read_fields, read_line
from workers.mappings.windows_xml import is_windows_xml, windows_events
from workers.mappings.xml_text import read_xml

_MARKS = (b"CEF:", b"LEEF:")

#: A line of CEF whose mark a collector took for the program's name, and away.
_BARE_CEF = re.compile(rb"[01]\|[^|]{1,128}\|[^|]{1,128}\|[^|]{0,128}\|[^|]{0,128}\|")

_BARE_LEEF = re.compile(rb"[12]\.0\|[^|]{1,128}\|[^|]{1,128}\|[^|]{0,128}\|[^|]{1,128}\|")

#: What a line holds that is a part of the record before it: a field, at its beginning or behind the rest of a value.
_FIELD = re.compile(rb"(?:^|(?<=\s))[A-Za-z][\w.]{0,63}=")

#: Lines of which a record may consist, where its sender writes fields below each other.
_MOST_PARTS = 200

#: Bytes at the beginning of a line among which its mark stands: syslog's header is shorter.
_MOST_HEADER = 1_024

#: How a line of syslog begins: a priority, or a time behind which something stands.
_SYSLOG = re.compile(
    rb"<\d{1,3}>|1\d{9}\.\d{1,9} {1,8}\S|"
    rb"(?:\d{4}-\d\d-\d\d[T ]|[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?)\d\d:\d\d:\d\d[^\r\n]{0,40} \S"
)

#: JSON behind the program's name alone, or behind a mark such as `@cee:`.
_BEFORE_JSON = re.compile(rb"[^{\"]{1,128}\{\s{0,8}\"[^\"]")

#: The first two columns of a line whose values stand in quotes; JSON has none such.
_COLUMNS = re.compile(rb"\"[^\"]{0,200}\",\"")

#: How a record as XML begins; a page of HTML is none.
_XML = re.compile(
    rb"\s{0,64}(?:\xef\xbb\xbf)?(?:<\?xml[^<>]{0,200}>\s{0,64})?<(?!html)[A-Za-z][\w:.-]{0,63}[\s/>]", re.I
)

#: How a JSON text begins, or an array of such.
_TEXTS = re.compile(rb"\s{0,64}(?:\[\s{0,64})?\"")

#: What arrays and markup begin with; a program's name or fields in brackets begin a line.
_OTHER = re.compile(rb"<\D|\[(?![\w.-]{1,64}\] |[A-Za-z][\w@.-]{0,63}[ =])")

#: Fields `key=value` in the beginning of a line by which it is known as a line of a log.
_FEWEST_FIELDS = 3


def is_log_lines(data: bytes) -> bool:
    """Tell whether what was sent is of a log and not JSON, by its beginning or its first line."""
    if is_windows_xml(data) or _XML.match(data):
        return True
    beginning = data[: 2 * _MOST_HEADER].lstrip()
    if beginning[:1] == b'"':
        return bool(_COLUMNS.match(beginning)) and _is_record(beginning.partition(b"\n")[0])
    if beginning[:1] in (b"{", b"") or _OTHER.match(beginning):
        return False
    return _is_record(beginning.partition(b"\n")[0])


def unquoted(data: bytes) -> bytes:
    """Return the lines of a log that were sent as a JSON text, or as an array of such; anything else as it is."""
    if not _TEXTS.match(data):
        return data
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return data
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        return data
    lines = "\n".join(texts).encode()
    return lines if is_log_lines(lines) else data


def log_lines(data: bytes) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
    """Yield each record, mostly a line, and its document; None for a line of another kind."""
    if is_windows_xml(data):
        yield from windows_events(data)
        return
    if _XML.match(data) and (document := read_xml(data.decode(errors="replace").strip())):
        yield data, document
        return
    for record in _records(data):
        text = record.decode(errors="backslashreplace")
        mark = _mark_of(record)
        yield record, {LINE: mark + text} if mark is not None else read_line(text)


def _is_record(line: bytes) -> bool:
    """Tell whether a line begins a record by what only a line of a log has."""
    is_syslog = bool(_SYSLOG.match(line) or _BEFORE_JSON.match(line))
    is_known = is_syslog or _mark_of(line) is not None or _has_fields(line)
    return is_known or is_of_log(line[:_MOST_HEADER].decode(errors="replace"))


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the lines that are not blank; what stands below a line of CEF or LEEF and holds fields belongs to it."""
    parts: list[bytes] = []
    for line in _lines(data):
        if parts and not (_goes_on(line, parts) and len(parts) < _MOST_PARTS):
            yield b" ".join(parts)
            parts = []
        parts.append(line)
    if parts:
        yield b" ".join(parts)


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        if line := data[start:end].strip():
            yield line
        start = end


def _goes_on(line: bytes, parts: list[bytes]) -> bool:
    """Tell whether a line is a part of the record before it: its fields, or a value that was broken before them."""
    is_part = bool(_FIELD.search(line)) or parts[-1].endswith(b"|")
    return is_part and _mark_of(parts[0]) is not None and not _begins(line)


def _begins(line: bytes) -> bool:
    return line[:1] == b"{" or _mark_of(line) is not None or bool(_SYSLOG.match(line))


def _mark_of(line: bytes) -> str | None:
    """Return what a line of CEF or LEEF lacks at its beginning, mostly nothing; None for one of another kind."""
    if _has_mark(line):
        return ""
    return "CEF:" if _BARE_CEF.match(line) else "LEEF:" if _BARE_LEEF.match(line) else None


def _has_mark(line: bytes) -> bool:
    return any(mark in line[:_MOST_HEADER] for mark in _MARKS)


def _has_fields(line: bytes) -> bool:
    return (
        line.count(b"=") >= _FEWEST_FIELDS
        and len(read_fields(line.decode(errors="replace"))[0]) >= _FEWEST_FIELDS
    )
