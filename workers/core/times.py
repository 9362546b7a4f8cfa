"""When it happened, in every way in which detections write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime

#: Tenths of microseconds since 1601, as Windows counts; as nanoseconds since 1970 such a number is of 1973 to 1976.
_FILETIME_1970, _FILETIME_END = 116_444_736_000_000_000, 200_000_000_000_000_000

#: Below these magnitudes a number counts seconds, milliseconds, microseconds, nanoseconds since 1970.
_EPOCHS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000), (1e20, 1_000_000_000))

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}

#: Hours by which clocks with these names are ahead of UTC; those that mean several places are left out.
_ZONES = {
    "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "BST": 1,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip

_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,12})?", re.ASCII)
_COMPACT = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d){2}")
_JAVA_ZONE = re.compile(r"\[[A-Za-z0-9_+/-]{1,40}\]$")
_UTC_WORD = re.compile(r" ?(?:UTC|GMT|Z|\(UTC\))$", re.I)
_ZONE_WORD = re.compile(r" ([CE]ES?T|BST|[ECMP][SD]T)$")
_OFFSET = re.compile(r" ([+-]\d\d:?\d\d)$", re.ASCII)
_LOG_DATE = re.compile(r"^(\d{1,2})/([A-Za-z]{3})/(\d{4}):(\d\d:\d\d:\d\d)(?:\.\d{1,9})?", re.ASCII)
_DAY_DASHES = re.compile(r"^(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d{1,2}:\d\d(?::\d\d)?)(?:\.\d{1,9})?", re.ASCII)
_SLASHES = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4})(?:[ :]|, ?)(?=\d{1,2}:\d\d)", re.ASCII)
_SHORT_HOUR = re.compile(r"^(\d{4}-\d\d-\d\d[T ])(\d:\d\d:)", re.ASCII)
_ODATA = re.compile(r"/Date\((-?\d{1,15})\)/", re.ASCII)
_AMERICAN = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}),? (?=\d{1,2}:\d\d(?::\d\d)? ?[AaPp]\.?[Mm])", re.ASCII)
_YEAR_NAME = re.compile(r"^(\d{4}) ([A-Za-z]{3}) (\d{1,2}) (?=\d\d:)", re.ASCII)
_DOTS = re.compile(r"^(\d{4}-\d\d-\d\d)[-.](\d\d)\.(\d\d)\.(\d\d)", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[/-](\d\d?)[/-](\d\d?)(?=\D|$)", re.ASCII)
_MAIL = re.compile(
    r"(?:[A-Za-z]{3}, *)?\d{1,2} [A-Za-z]{3} \d{4} \d{1,2}:\d\d(?::\d\d)?(?: (?:[+-]\d{4}|[A-Z]{1,4}))?"
)
_MONTH_FIRST = re.compile(
    r"(?:(?P<weekday>[A-Za-z]{3}) )?(?P<month>[A-Za-z]{3})[a-z]{0,6}\.? (?P<day>\d{1,2}),? "
    r"(?:(?P<year>\d{4}),? )?(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: (?P<zone>UTC|GMT|Z|[CE]ES?T|BST|[ECMP][SD]T|(?:UTC|GMT)?[+-]\d\d:?\d\d))?"
    r"(?: (?P<last_year>\d{4})(?: (?P<last_zone>UTC|GMT|Z))?)?"
)


def read_time(value: object, *, zone: tzinfo = UTC) -> datetime:
    """Return the moment that `value` is, in UTC; a time that names no zone is in `zone`.

    Raises ValueError for what is no time.
    """
    try:
        if isinstance(value, str):
            moment = _read_usual(value) or _read_text(
                " ".join(_JAVA_ZONE.sub("", value.strip()).split()), zone
            )
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = _from_epoch(value)
        else:
            raise ValueError("it is neither a text nor a number")
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("it lies outside the years 1 to 9999") from error


def as_threatq_time(moment: datetime) -> str:
    """Write a moment as ThreatQ takes it: UTC, `YYYY-MM-DD HH:MM:SS`."""
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat(sep=' ')}"


def _read_usual(text: str) -> datetime | None:
    """Read the one form that nearly all have, `2021-10-05T19:01:02Z`; None for any other."""
    try:
        return datetime.fromisoformat(text) if text[10:11] == "T" and text[-1] == "Z" else None
    except ValueError:
        return None


def _read_text(text: str, zone: tzinfo) -> datetime:
    if _NUMBER.fullmatch(text):
        return _from_digits(text, zone)
    if match := _ODATA.fullmatch(text):
        return _from_epoch(int(match[1]) / 1_000)
    text = _DAY_DASHES.sub(r"\1 \2 \3 \4", _LOG_DATE.sub(r"\1 \2 \3 \4", text))
    text = _YEAR_NAME.sub(r"\2 \3 \1 ", text)
    text = _SLASHES.sub(_with_clear_month, _AMERICAN.sub(_with_month_name, text))
    if _MAIL.fullmatch(text):
        moment = parsedate_to_datetime(text)
        # "-0000" says: UTC, zone of the sender unknown.
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC if text.endswith("-0000") else zone)
    if match := _MONTH_FIRST.fullmatch(text):
        return _from_words(match, zone)
    text = _UTC_WORD.sub("+00:00", _YEAR_FIRST.sub(_with_dashes, text, count=1))
    if match := _ZONE_WORD.search(text):
        text, zone = text[: match.start()], _zone_of(match[1], zone)
    text = _DOTS.sub(r"\1T\2:\3:\4", text)
    text = _SHORT_HOUR.sub(r"\g<1>0\2", text)
    moment = _from_iso(_OFFSET.sub(r"\1", text))
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _from_iso(text: str) -> datetime:
    """Read ISO 8601; raises ValueError in words for who sent the text, who may not know what Python reads."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("its form is not known") if "isoformat" in str(error) else error from None


def _with_month_name(match: re.Match[str]) -> str:
    """Write `4/1/2025` with the month's name: what has AM or PM behind it is American."""
    month = int(match[1])
    return f"{_MONTH_NAMES[month - 1]} {match[2]}, {match[3]} " if 1 <= month <= 12 else match[0]


def _with_clear_month(match: re.Match[str]) -> str:
    """Write `02/22/2026` and `22/02/2026` with dashes; where both numbers may be the month, neither is taken."""
    first, second = int(match[1]), int(match[2])
    if (first > 12) == (second > 12):
        return match[0]
    month, day = (first, second) if second > 12 else (second, first)
    return f"{match[3]}-{month:02}-{day:02} "


def _with_dashes(match: re.Match[str]) -> str:
    return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"


def _from_digits(text: str, zone: tzinfo) -> datetime:
    """Read digits as a compact date where they are one, else as seconds, milliseconds … since 1970."""
    if _COMPACT.fullmatch(text) or (len(text) == 8 and text[:2] in ("19", "20")):
        return datetime.fromisoformat(f"{text[:8]}T{text[8:] or '000000'}").replace(tzinfo=zone)
    return _from_epoch(float(text) if "." in text else int(text))


def _from_epoch(number: float) -> datetime:
    if _FILETIME_1970 <= number < _FILETIME_END:
        number = (number - _FILETIME_1970) * 100
    for bound, per_second in _EPOCHS:
        if abs(number) < bound:
            return datetime.fromtimestamp(0, UTC) + timedelta(seconds=number / per_second)
    raise ValueError(
        "it is too large a number to be seconds, milliseconds, microseconds or nanoseconds since 1970"
    )


def _from_words(match: re.Match[str], zone: tzinfo) -> datetime:
    """Read `Oct 5, 2021 7:01:02 PM`, `Tue Oct 05 19:01:02 UTC 2021` and `Tue Oct 5 19:01:02 2021 UTC`."""
    year, month = match["year"] or match["last_year"], _MONTHS.get(match["month"].lower())
    if year is None or month is None or (match["year"] and match["last_year"]):
        raise ValueError("it names no year or no month")
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("its hour does not go with AM or PM")
        hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    moment = datetime(
        int(year), month, int(match["day"]), hour, int(match["minute"]), int(match["second"] or 0)
    )
    return moment.replace(tzinfo=_zone_of(match["zone"] or match["last_zone"], zone))


def _zone_of(name: str | None, zone: tzinfo) -> tzinfo:
    """Return the zone that a time names, by letters or as `+02:00`; `zone` where it names none."""
    digits = (name or "").removeprefix("UTC").removeprefix("GMT").replace(":", "")
    if digits[:1] in ("+", "-") and digits:
        minutes = int(digits[1:3]) * 60 + int(digits[3:5])
        return timezone(timedelta(minutes=-minutes if digits[0] == "-" else minutes))
    return timezone(timedelta(hours=_ZONES.get(name, 0))) if name else zone
