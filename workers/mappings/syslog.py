"""Lines of logs that are neither CEF nor LEEF: a header of syslog, behind it JSON, XML, `key=value` fields or words."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from workers.mappings.forms import addresses_in
from workers.mappings.prose import named_in
from workers.mappings.windows_xml import read_event
from workers.mappings.xml_text import read_xml

#: The field of such a document that holds the line, and what its header says: time, host, program, words.
SYSLOG = "syslog"

#: Characters of a line's beginning in which its header ends, and fields that make a line one of fields.
_LONGEST_HEADER, _FEWEST_FIELDS, _MOST_FIELDS = 1_024, 3, 1_000

#: The beginning of XML; what else stands in angle brackets is an address of mail.
_ELEMENT = re.compile(r"<(?:\?xml|[A-Za-z][\w:.-]{0,63})[\s/>]")

_PRIORITY = re.compile(r"<\d{1,3}>")

#: Years stand in few headers of the older form; without one the line's own fields must say when it happened.
_OLD_TIME = (
    r"(?:[A-Z][a-z]{2} [ \d]?\d(?: \d{4})? \d\d:\d\d:\d\d(?: \d{4})?(?:\.\d{1,9})?(?: [A-Z]{3,4}(?=[ :]))?:?)"
)
_NEW_TIME = r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
#: Seconds since 1970 with decimals, as proxies and Meraki write them.
_EPOCH = r"(?:1\d{9}\.\d{1,9})"
_TIME = re.compile(rf"{_NEW_TIME}|{_OLD_TIME}|{_EPOCH}")
_YEAR = re.compile(r"\d{4}")

#: RFC 5424 behind its time: host, program, process, message id.
_RFC_5424 = re.compile(r"(\S{1,255}) (\S{1,48}) \S{1,128} \S{1,32} ?")

#: The older form behind its time: host, then perhaps the program with a colon.
_HOST = re.compile(r"(?!\d{1,9} |(?:\d{1,3}\.){3}\d{1,3}:\d)([\w.:-]{1,255}) (?=\S)")
_PROGRAM = re.compile(
    r"(?!(?:\d{1,3}\.){3}|\d\d/\d\d/)([\w./%-]{1,64})(?:\[[^\]]{1,32}\])?: ?|\[([\w.-]{1,64})\] "
)

#: The beginning of a field: `key=`, or `key:` before a quote.
_KEY = re.compile(r"(?:^|(?<=[\s,;|\[({]))([A-Za-z_][\w.-]{0,63})(?:\s?=|:(?=\"))\s?")

#: What a log has and other text seldom: a day with its second, a program with its process, Cisco's name of a message,
#: FreeRADIUS's number of a request, an address.
_MOMENT = re.compile(
    r"(?:(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d?/\d\d?/\d{4})(?:[T :;|\t]|\"?, ?\"?)|\d\d?/[A-Z][a-z]{2}/\d{4}[: ]|"
    r"[A-Z][a-z]{2} {1,2}\d\d? (?:\d{4} )?|\d\d?[ -][A-Za-z]{3}[ -]\d{4} )\d\d:\d\d:\d\d"
)
_PROCESS = re.compile(r"(?:^|\s)[\w./-]{1,64}(?:\[\d{1,10}\]:|\[\d{3,10}\] \[) ?\S")
_CISCO = re.compile(r"%[A-Z][A-Z0-9_]{1,32}(?:-[A-Z0-9_]{1,32}){0,2}-\d-[A-Z0-9_]{2,64}:")
_RADIUS = re.compile(r"\(\d{1,12}\) (?:Login|Invalid user|Ignoring)")
_BEGINNING = 1_000

#: A word for how bad it is, parted from the rest by more than one blank.
_LEVEL = re.compile(
    r"(?:info|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|alert|emerg|debug|security|fatal)(?:\t| {2,8})\S",
    re.I,
)

#: How some forwarders write the end of a line inside of one.
_LINE_END = r"\r\n"

#: The words before the first field, without a bracket and the id of structured data.
_WORDS = re.compile(r"[\s:-]*+((?!\[)\S++(?: ++(?!\[)\S++)*+)")

#: What stands between fields, and the end of a quoted value.
_BETWEEN = " \t\r\n,;|"
_WITHOUT = f"{_BETWEEN}]"
_DOUBLED = re.compile(r"=\"\"[^\"\s,;|]")
_IN_QUOTES = re.compile(r"[^\"\\]*+(?:\\.[^\"\\]*+)*+", re.DOTALL)
_IN_APOSTROPHES = re.compile(r"[^'\\]*+(?:\\.[^'\\]*+)*+", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\\"'])")


def read_line(line: str) -> dict[str, Any] | None:
    """Return what a line says: its JSON, XML or `key=value` fields, else its words; None for no line of a log.

    What its header says, and the line itself, stand in the field `syslog`.
    """
    header, rest = _header(line)
    rest = rest.replace(_LINE_END, "\n")
    inside = _xml_of(rest) if rest.endswith(">") else _json_of(rest)
    if inside is not None:
        return {**inside, SYSLOG: header} if header else inside
    fields, words = read_fields(rest)
    if len(fields) < _FEWEST_FIELDS:
        if header.keys() <= {"program"} and not is_of_log(line):
            return None
        fields, words = {}, rest.strip()
    texts = {"message": words} if words else {}
    before = rest.partition(f"{next(iter(fields))}=")[0] if fields else ""
    if before.strip() != words and addresses_in(before):
        texts["before"] = before
    return {**fields, SYSLOG: {"line": line, **header, **texts}}


def fields_of(text: str) -> dict[str, Any] | None:
    """Return what a line says by fields of its own, `key=value`, JSON or XML; None for words alone."""
    document = read_line(text)
    return document if document and document.keys() != {SYSLOG} else None


def is_of_log(line: str) -> bool:
    """Tell whether a line without a header is of a log all the same, by its words, or by the person that it names."""
    start = line[:_BEGINNING].replace(_LINE_END, "\n")
    ways = (
        _MOMENT.search(start),
        _PROCESS.search(start),
        _CISCO.search(start),
        _RADIUS.match(start),
        _LEVEL.match(start),
        addresses_in(start),
    )
    return any(ways) or bool(named_in(start))


def is_line(document: dict[str, Any]) -> bool:
    """Tell whether a document is a line that `read_line` read; such a one is no payload of the dialect."""
    return isinstance(document.get(SYSLOG), dict) and "line" in document[SYSLOG]


def read_fields(text: str) -> tuple[dict[str, str], str]:
    """Return the `key=value` fields of a text, values in quotes or up to the next key, and the words before them.

    Where none stand before, those behind the bracket around the fields. `key=""a b""` is what CSV makes of quotes.
    """
    text = text.replace('""', '"') if _DOUBLED.search(text) else text
    fields: dict[str, str] = {}
    match = _KEY.search(text)
    words, behind = _WORDS.match(text[: match.start()] if match else text), ""
    while match and len(fields) < _MOST_FIELDS:
        start, key = match.end(), match[1]
        quoted = {'"': _IN_QUOTES, "'": _IN_APOSTROPHES}.get(text[start : start + 1])
        if quoted and (inside := quoted.match(text, start + 1)):
            value, match = _ESCAPED.sub(r"\1", inside[0]), _KEY.search(text, inside.end() + 1)
        else:
            match = _KEY.search(text, start)
            value = text[start : match.start() if match else None].partition(" ][")[0]
            value = value.strip(_BETWEEN).removesuffix("[").rstrip()
            if "[" not in value:
                value, _, behind = value.partition("]")
                value = value.rstrip()
        fields.setdefault(key, value)
    return fields, words[1] if words else behind.strip(_WITHOUT)


def _header(line: str) -> tuple[dict[str, str], str]:
    """Return what the header of syslog says, {} for a line without one, and the rest of the line."""
    priority = _PRIORITY.match(line)
    start = priority.end() if priority else 0
    is_new = priority is not None and line.startswith("1 ", start)
    start += 2 if is_new else 0
    start += len(line[start:_LONGEST_HEADER]) - len(line[start:_LONGEST_HEADER].lstrip("* "))
    header = {"pri": priority[0].strip("<>")} if priority else {}
    if time := _TIME.match(line, start):
        start = time.end()
        start += 1 if line[start : start + 1] == " " else 0
        header |= {"time": time[0].strip(":")} if _YEAR.search(time[0]) else {}
        names, start = _names(line, start, is_new=is_new)
        header |= names
    elif program := _PROGRAM.match(line, start):
        header["program"], start = program[1] or program[2], program.end()
    return header, line[start:]


def _names(line: str, start: int, *, is_new: bool) -> tuple[dict[str, str], int]:
    """Return host and program where a header names them, and where it ends."""
    if is_new and (match := _RFC_5424.match(line, start)):
        names = {"host": match[1], "program": match[2]}
        return {name: value for name, value in names.items() if value != "-"}, match.end()
    host = _HOST.match(line, start)
    start = host.end() if host else start
    program = _PROGRAM.match(line, start)
    start = program.end() if program else start
    names = {"host": host[1] if host else None, "program": program[1] or program[2] if program else None}
    return {name: value for name, value in names.items() if value}, start


def _xml_of(text: str) -> dict[str, Any] | None:
    """Return the element that a text ends with as an object, None where it holds none with others inside."""
    start = _ELEMENT.search(text, 0, _LONGEST_HEADER)
    if not start:
        return None
    return read_event(text[start.start() :]) or read_xml(text[start.start() :])


def _json_of(text: str) -> dict[str, Any] | None:
    """Return the object that a text ends with, None where it holds none."""
    start = text.find("{", 0, _LONGEST_HEADER)
    if start < 0 or not text.endswith("}"):
        return None
    try:
        value = msgspec.json.decode(text[start:])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
