"""What a document of no known form says of itself, by the usual names of title, time, type and person."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from workers.core.times import read_time
from workers.mappings.field_names import fold
from workers.mappings.kinds import kind_of
from workers.mappings.prose import moment_in, named_in, person_in
from workers.mappings.vocabulary import words

#: Fields that are looked at, the nearest to the top first, and characters of a title.
_MOST_FIELDS, _TITLE_CHARS = 2_000, 200

#: Characters of a line that stand for a title where nothing else does.
_LINE_CHARS = 100

#: Characters of a first line that make it a title of its own.
_FEWEST_CHARS = 8

#: Names, each with its place among them.
Ranks = dict[str, int]


def _ranked(names: Iterable[str]) -> Ranks:
    """Return each name with its place: of 300 names a document has three."""
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


_TITLES, _LATE_TITLES, _TYPES = map(_ranked, (words("titles"), words("late_titles"), words("types")))
_ALL_TITLES = _ranked((*_TITLES, *_LATE_TITLES))
_TIMES, _TIMES_END = _ranked(words("times")), words("times_end")
_TITLES_END, _PEOPLE_END = words("titles_end"), words("people_end")
_NO_TIMES = words("no_times")
_PEOPLE, _SEVERITIES, _SOURCES = map(_ranked, (words("people"), words("severities"), words("sources")))
_PROSE = words("prose")

_NO_TITLE = re.compile(
    r"[\d\s.:,/-]*|[#\[]?\{.*|none|null|n/a|unknown|undefined|[0-9a-fA-F-]{20,}|(?:https?|arn):.*",
    re.DOTALL | re.I,
)

#: What fields of types say of any detection.
_NO_NAME = re.compile(
    r"events?|alerts?|incidents?|detections?|threats?|logs?|info|general|Event::.*|get|post|head|put|"
    r"allow(?:ed)?|block(?:ed)?|den(?:y|ied)|drop(?:ped)?|accept(?:ed)?|permit(?:ted)?|pass(?:ed)?|clean|"
    r"true|false|yes|no|ok|success|failure|audit|system|traffic|audit_success|audit_failure",
    re.I,
)

#: A title of one plain word says too little by itself.
_WORD = re.compile(r"[A-Za-z]{1,20}")
_BESIDE = _ranked(
    ("category", "eventcategory", "resourcetype", "sourcetype", "objecttype", "categorytype", "resource.type")
)
_BESIDE_SHORT = _ranked((*_BESIDE, "type"))

#: What tells a person apart without a name.
_NO_PERSONS_NAME = re.compile(
    r"[\d-]*|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|S-1-[\d-]*|N/A|null|none|unknown", re.I
)

#: Beside so short a verb as `add` the bare word of a type tells more, too.
_SHORT_VERB = 6

#: A time that names no zone, and fields beside it that do.
_NO_ZONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?")
_DAY_AND_CLOCK = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_OFFSET = re.compile(r"[+-]\d\d:?\d\d|\b[CE]ES?T\b")
_ZONES = ("tz", "timezone")

#: What the pipeline adds of its own that is looked at, for want of better.
_OF_PIPELINE = ("p_log_type", "p_event_time")

Fields = dict[str, Any]


def guess(document: dict[str, Any]) -> dict[str, str | float | None]:
    """Return title, type, time, person, severity and source of a document; None for what it does not say."""
    fields = _fields(document)
    source = _first(fields, _SOURCES, _is_kind)
    title = _title(fields, document.get("name"))
    return {
        "title": title,
        "type": _type(_first(fields, _TYPES, _tells), title, source),
        "time": _time(fields),
        "person": _person(fields),
        "severity": _first(fields, _SEVERITIES, _is_severity),
        "source": source,
        "line": str(fields.get("syslog.line", ""))[:_LINE_CHARS] or None,
    }


def _title(fields: Fields, own_name: Any) -> str | None:
    """Return what the document calls itself; a bare verb gets what it was done to beside it.

    `own_name`, its field `name`, comes before prose if it is of several words.
    """
    name = str(
        _first(fields, _TITLES, _tells)
        or _first(fields, _ending(fields, _TITLES_END), _tells)
        or (own_name if _is_phrase(own_name) else None)
        or _first(fields, _LATE_TITLES, _tells)
        or (own_name if _is_title(own_name) else None)
        or _first(fields, _ALL_TITLES, _is_title)
        or ""
    )
    title = " ".join(_first_line(name).split())[:_TITLE_CHARS]
    if not _WORD.fullmatch(title):
        return title or None
    names = _BESIDE_SHORT if len(title) <= _SHORT_VERB else _BESIDE
    beside = _first(fields, names, lambda value: _is_kind(value) and value != name)
    return f"{title} {beside}" if beside else title


def _first_line(text: str) -> str:
    """Return the line of a text that says what happened, all of it where that is a word alone."""
    line = text.strip().partition("\n")[0].strip().rstrip(":")
    return line if len(line) >= _FEWEST_CHARS else text


def _person(fields: Fields) -> str | None:
    """Return the person whom a field names, without quotes around the name, else one whom prose does."""
    named = _first(fields, _PEOPLE, _is_name) or _first(fields, _ending(fields, _PEOPLE_END), _is_name)
    named = named or (None if _out_of_prose(fields, named_in) else _first(fields, _PEOPLE, _is_person))
    return named.strip('"') if named else _out_of_prose(fields, person_in)


def _out_of_prose(fields: Fields, read: Callable[[str], str | None]) -> str | None:
    texts = (value for name in _PROSE if isinstance(value := fields.get(name), str))
    return next(filter(None, map(read, texts)), None)


def _type(category: str | None, title: str | None, source: str | None) -> str | None:
    """Return the kind of detection that the words of its category, its title or its product tell of."""
    return next(filter(None, map(kind_of, filter(None, (category, title, source)))), None)


def _time(fields: Fields) -> Any:
    """Return when it happened; a text without a zone in that which the document names beside it."""
    value = _moment(fields)
    zones = (match for name in _ZONES if (match := _OFFSET.search(str(fields.get(name, "")))))
    zone = next(zones, None)
    return f"{value} {zone[0]}" if zone and _NO_ZONE.fullmatch(str(value)) else value


def _moment(fields: Fields) -> Any:
    """Return the value of a usual name, else of a name that ends like one, as vendors put theirs before it."""
    return (
        _day_and_clock(fields)
        or _first(fields, _TIMES, _is_time)
        or _first(fields, _soon(fields), _is_time)
        or fields.get("syslog.time")
        or _first(fields, _named_moments(fields), _is_time)
        or _out_of_prose(fields, moment_in)
    )


def _day_and_clock(fields: Fields) -> str | None:
    """Return the time of a document that names the day and the time of day apart, as firewalls do."""
    moment = f"{fields.get('date')} {fields.get('time')}"
    return moment if _NO_ZONE.fullmatch(moment) else None


def _soon(fields: Fields) -> Ranks:
    """Return the fields that end like a time, by the order of the endings, but for those of what is yet to come."""
    names = [name for name in fields if "." not in name and not any(word in name for word in _NO_TIMES)]
    return _ranked(name for end in _TIMES_END for name in names if name.endswith(end))


def _named_moments(fields: Fields) -> Ranks:
    """Return the fields that hold a day and a time of day, whatever their names, but for those of what is to come."""
    return _ranked(
        name
        for name, value in fields.items()
        if isinstance(value, str)
        and _DAY_AND_CLOCK.match(value)
        and not any(word in name for word in _NO_TIMES)
    )


def _ending(fields: Fields, ends: tuple[str, ...]) -> Ranks:
    return _ranked(name for name in fields if name.endswith(ends))


def _first(fields: Fields, names: Ranks, fits: Callable[[Any], bool]) -> Any:
    """Return the value that fits of the first of the names that a document has."""
    there = sorted(fields.keys() & names.keys(), key=names.__getitem__)
    return next((value for name in there if fits(value := fields[name])), None)


def _fields(document: dict[str, Any]) -> Fields:
    """Return the values by folded name, and by the name around it and its own, those nearest to the top first."""
    fields: Fields = {}
    for around, name, value in _each(document):
        fields.setdefault(name, value)
        if around:
            fields.setdefault(f"{around}.{name}", value)
    return fields


def _each(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield each plain value with the folded names around it and its own; of a list the first element counts."""
    waiting: deque[tuple[str, dict[str, Any]]] = deque([("", document)])
    seen = 0
    while waiting and seen < _MOST_FIELDS:
        around, level = waiting.popleft()
        for name, value in level.items():
            seen += 1
            if name.startswith("p_") and name not in _OF_PIPELINE:
                continue
            parent, own = around, name
            if "." in name:
                *_, parent, own = name.split(".")
                parent = fold(parent)
            own = fold(own)
            first = value[0] if isinstance(value, list) and value else value
            if isinstance(first, str) and first[:1] == "{":
                first = _json(first)
            if isinstance(first, dict):
                waiting.append((own, first))
            elif first not in (None, "", []):
                yield parent, own, first


def _json(text: str) -> Any:
    """Return the object that a text holds, which some put into a field; the text itself where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text


def _is_title(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not _NO_TITLE.fullmatch(value.strip())


def _tells(value: Any) -> bool:
    return _is_title(value) and not _NO_NAME.fullmatch(value.strip())


def _is_phrase(value: Any) -> bool:
    return _is_kind(value) and " " in value.strip()


def _is_kind(value: Any) -> bool:
    return _is_title(value) and len(value) <= 60


def _is_person(value: Any) -> bool:
    return isinstance(value, str) and 1 < len(value.strip()) <= 300 and "://" not in value


def _is_name(value: Any) -> bool:
    """Tell whether a value names a person, and is no number of one."""
    return _is_person(value) and not _NO_PERSONS_NAME.fullmatch(value.strip())


def _is_severity(value: Any) -> bool:
    return not isinstance(value, bool | dict | list) and 0 < len(str(value)) <= 30


def _is_time(value: Any) -> bool:
    if isinstance(value, bool) or (isinstance(value, int | float) and value < 100_000_000):
        return False
    try:
        return 1990 <= read_time(value).year <= 2100
    except ValueError:
        return False
