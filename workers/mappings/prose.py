"""Who and when prose tells of, where no field of a document names the person or the time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workers.core.times import read_time
from workers.mappings.forms import mails_in

#: Characters of a text that are looked at.
_LONGEST = 4_000

#: `Account Name:  mia`, `User: CORP\mia`, `username=mia`.
_LABELLED = re.compile(
    r"\b(?:(?:account|user|login|logon|admin) ?name|user|account|login)\s{0,8}[:=]\s{0,8}"
    r"[\"'<\[]?((?:nt[ -]\w{1,12}\\)?[^\s\"'<>\[\](),;]{1,128})",
    re.I,
)

#: `for user 'mia'`, `by "mia"`.
_QUOTED = re.compile(
    r"\b(?:user|username|account|admin|administrator|by)\s{1,8}['\"]([^'\"\r\n]{1,128})['\"]", re.I
)

#: `by user mia`, `for user CORP\mia from`.
_BY_USER = re.compile(
    r"\b(?:by|for|from|of) (?:the )?(?:invalid )?(?:user|account|admin|administrator)\s{1,8}"
    r"\[?([^\s\"'<>\[\](),;]{2,128})",
    re.I,
)

#: `Failed password for mia from 203.0.113.7`, `User mia logged`.
_FOR_FROM = re.compile(r"\bfor ([^\s\"'<>\[\](),;]{2,128}) from (?=[\d\[])", re.I)
_USER_DID = re.compile(
    r"\buser \[?([^\s\"'<>\[\](),;]{2,128})\]?(?: (?:logged|from|failed|executed|has|[\d.]{7,15} port)\b|[.,]?$)",
    re.I,
)

#: `Accepted publickey for mia`, `changed by mia from 203.0.113.7`, `logged in as mia`, `mia logged in`.
_FOR = re.compile(r"\b(?:Accepted|Failed) [\w/-]{1,40} for ([^\s\"'<>\[\](),;]{2,128})(?=$| from )")
_BY_FROM = re.compile(r"\bby ([^\s\"'<>\[\](),;]{2,128}) (?:from (?=[\d\[])|on (?=vty|tty|console|pts))")
_AS = re.compile(r"\b(?:logged (?:in|on)|login|authenticated) as ([^\s\"'<>\[\](),;]{2,128})", re.I)
_LOGGED = re.compile(
    r"(?<![^\s\"'])([^\s\"'<>\[\](),;:=]{2,128}) (?:has )?(?:logged|signed) (?:in|out|on|off)\b", re.I
)

#: `sudo: mia : TTY=pts/0 ; USER=root`.
_SUDO = re.compile(r"\bsudo(?:\[\d{1,10}\])?: {1,8}([\w.@\\-]{1,64}) : ")

#: The third word of a web server's line, before the bracket with its time.
_WEB_USER = re.compile(
    r"^(?:[\w.-]{3,253}(?::\d{1,5})? )?[0-9A-Fa-f.:]{3,45} \S{1,64} ([^\[\]\"]{1,64}) \[\d"
)

#: `Login OK: [mia]`, as RADIUS has it, perhaps with a reason in brackets before it; behind `host/` stands a machine.
_LOGIN = re.compile(
    r"\b(?:Login (?:OK|incorrect)|Invalid user)(?: \(.{0,300}?\))?: \[(?!host/)([^\]/]{1,128})[\]/]"
)

#: `(root) CMD (`, as cron has it, and `uid=mia,ou=people,` of a directory.
_CRON = re.compile(r"\(([\w.-]{1,64})\) CMD \(")
_DIRECTORY = re.compile(
    r"\b(?:uid|cn)=([^,=\"]{1,128}),(?! ?ou=[^,]{0,64}group)(?: ?(?:ou|dc|o|cn)=[^,\"]{1,128}(?:,|\b))", re.I
)

#: A column `CORP\\mia`.
_COLUMN = re.compile(r"(?<=[\",;|\t])([A-Za-z][\w.-]{0,63}\\{1,2}[\w.$-]{1,64})(?=[\",;|\t])")

_WAYS = (
    _SUDO, _LABELLED, _QUOTED, _BY_USER, _FOR_FROM, _USER_DID, _FOR, _BY_FROM, _AS, _LOGIN, _LOGGED, _CRON, _DIRECTORY,
    _COLUMN, _WEB_USER,
)  # fmt: skip

#: What stands there and is no person: none, a security id, a word of the sentence.
_NO_PERSON = re.compile(
    r"[-*?.]*|s-1-.*|null|none|n/a|unknown|undefined|yes|no|true|false|(?:accounts?|is|was|has|had|name|names|id|ids|in|on|at|to|the|with|and|or|of|by|from|"
    r"for|users?|not|an?|this|successfully|attempt|request|connection|login|logon|authentication|activity|group|groups|agent|session|sessions|access)",
    re.I,
)

#: Moments as logs write them among words or in columns, with brackets, quotes or none.
_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?"
_BETWEEN = r"(?:[T :;|\t]|\"?, ?\"?)"
_MOMENT = re.compile(
    rf"(?<![\w:.-])(?:\d{{4}}(?:-\d\d-|/\d\d/|\.\d\d\.)\d\d{_BETWEEN}{_CLOCK}"
    r"(?: ?(?:Z|UTC|[+-]\d\d:?\d\d)| (?:GMT|CES?T|[ECMP][SD]T)\b)?|"
    r"\d\d?/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [+-]\d{4})?|"
    rf"\d\d/\d\d/\d{{4}}{_BETWEEN}\d\d:\d\d:\d\d(?: GMT)?|"
    r"\d\d?/\d\d?/\d{4},? \d\d?:\d\d(?::\d\d)? [AP]M|"
    rf"\d\d?\.\d\d?\.\d{{4}}{_BETWEEN}\d\d:\d\d:\d\d|"
    r"\d\d?[ -][A-Za-z]{3}[ -]\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [+-]\d{4}| GMT)?|"
    r"1[4-9]\d{8}(?:\.\d{1,9})?(?=[ \t,;|\"])|1[4-9]\d{11}(?=[ \t,;|\"])|"
    r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[T ]?(?:[01]\d|2[0-3])[0-5]\d[0-5]\dZ?|"
    r"\d{4} [A-Z][a-z]{2} {1,2}\d\d? \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [A-Z]{3,4}\b)?|"
    r"[A-Z][a-z]{2,8} {1,2}\d\d?,? \d{4},? \d\d?:\d\d:\d\d(?: [AP]M\b)?|"
    r"[A-Z][a-z]{2} {1,2}\d\d? \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [A-Z]{3,4})? \d{4})(?!\w|:\d\d\b)"
)

#: What stands between day and clock where a column ends, and a day with its year last, parted by dots.
_COLUMN_END = re.compile(r"(?<=\d)(?:\", ?\"?|, ?\"|[;|\t]|(?<=-\d\d), )(?=\d\d?:)")
_DAY_DOTS = re.compile(r"^(\d\d?)\.(\d\d?)\.(\d{4})\b")
_YEAR_DOTS = re.compile(r"^(\d{4})\.(\d\d)\.(\d\d)\b")
_COMPACT = re.compile(r"^(\d{8})[T ]?(\d{6})Z?$")
_MONTH_NAME = re.compile(r"^(\d\d?)/([A-Z][a-z]{2})/(\d{4}) ")

#: A moment that says its zone.
_ZONED = re.compile(r".*(?:Z|[+-]\d\d:?\d\d)")


def person_in(text: str) -> str | None:
    """Return the person whom a text names: behind a word for one, or the only e-mail address in it; None for none."""
    text = text[:_LONGEST]
    if named := named_in(text):
        return named
    mails = dict.fromkeys(mail.lower() for mail, _ in mails_in(text))
    return next(iter(mails)) if len(mails) == 1 else None


def named_in(text: str) -> str | None:
    """Return the person whom a text names behind a word for one; None for none."""
    return next(_persons(text), None)


def moment_in(text: str) -> str | None:
    """Return the first moment in a text that names its day, its year and its second; None for none.

    Where the line names one of the same day with its zone, too, that one.
    """
    written = (_written_out(match[0]) for match in _MOMENT.finditer(text[:_LONGEST]))
    moments = sorted(filter(_can_be_read, written), key=_is_number)
    same_day = (each for each in moments if _ZONED.fullmatch(each) and each[:10] == _dashed(moments[0]))
    return next(same_day, moments[0] if moments else None)


def _written_out(moment: str) -> str:
    """Return a moment as one text that can be read, where columns or dots part it."""
    moment = _YEAR_DOTS.sub(r"\1-\2-\3", _DAY_DOTS.sub(r"\3-\2-\1", _COLUMN_END.sub(" ", moment)))
    return _COMPACT.sub(r"\1\2", _MONTH_NAME.sub(r"\1 \2 \3 ", moment))


def _can_be_read(moment: str) -> bool:
    try:
        read_time(moment)
    except ValueError:
        return False
    return True


def _is_number(moment: str) -> bool:
    """Tell whether a moment is one of digits alone, which may as well be a number of something else."""
    return moment.replace(".", "").isdigit()


def _dashed(moment: str) -> str:
    return moment[:10].replace("/", "-")


def _persons(text: str) -> Iterator[str]:
    for way in _WAYS:
        for match in way.finditer(text):
            name = match[1].rstrip(".:\\")
            if not _NO_PERSON.fullmatch(name) and not name.replace(".", "").isdigit():
                yield name
