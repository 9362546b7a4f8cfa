"""Who and when prose tells of, where no field of a document names the person or the time."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
_QUOTED = re.compile(r"\b(?:user|account|admin|administrator|by)\s{1,8}['\"]([^'\"\r\n]{1,128})['\"]", re.I)

#: `by user mia`, `for user CORP\mia from`.
_BY_USER = re.compile(
    r"\b(?:by|for|from) (?:the )?(?:invalid )?(?:user|account|admin|administrator)\s{1,8}([^\s\"'<>\[\](),;]{2,128})",
    re.I,
)

#: `Failed password for mia from 203.0.113.7`, `User mia logged`.
_FOR_FROM = re.compile(r"\bfor ([^\s\"'<>\[\](),;]{2,128}) from (?=[\d\[])", re.I)
_USER_DID = re.compile(
    r"\buser ([^\s\"'<>\[\](),;]{2,128}) (?:logged|from|failed|executed|has|[\d.]{7,15} port)\b", re.I
)

#: The third word of a web server's line, before the bracket with its time.
_WEB_USER = re.compile(r"^[0-9A-Fa-f.:]{3,45} \S{1,64} ([^\[\]\"]{1,64}) \[\d")

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
_COLUMN = re.compile(r"(?<=[\",])([A-Za-z][\w.-]{0,63}\\{1,2}[\w.$-]{1,64})(?=[\",])")

_WAYS = (_LABELLED, _QUOTED, _BY_USER, _FOR_FROM, _USER_DID, _LOGIN, _CRON, _DIRECTORY, _COLUMN, _WEB_USER)

#: What stands there and is no person: none, a security id, a word of the sentence.
_NO_PERSON = re.compile(
    r"[-*?.]*|s-1-.*|null|none|n/a|unknown|undefined|yes|no|true|false|(?:accounts?|is|was|has|had|name|names|id|ids|in|on|at|to|the|with|and|or|of|by|from|"
    r"for|login|logon|authentication|activity|group|groups|agent|session|sessions|access)",
    re.I,
)

#: Moments as logs write them among words, with brackets or none.
_MOMENT = re.compile(
    r"(?<![\w:.-])(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?(?:Z|[+-]\d\d:?\d\d))?|"
    r"\d\d?/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [+-]\d{4})?|"
    r"\d\d/\d\d/\d{4}(?:[: ]|, ?)\d\d:\d\d:\d\d(?: GMT)?|\d\d?[ -][A-Za-z]{3}[ -]\d{4} \d\d:\d\d:\d\d|"
    r"1[2-9]\d{8}\.\d{3}(?= )|"
    r"\d{4} [A-Z][a-z]{2} {1,2}\d\d? \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [A-Z]{3,4}\b)?|"
    r"[A-Z][a-z]{2} {1,2}\d\d? \d{4} \d\d:\d\d:\d\d|"
    r"[A-Z][a-z]{2} {1,2}\d\d? \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4})(?!\w|:\d)"
)

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
    moments = [match[0] for match in _MOMENT.finditer(text[:_LONGEST])]
    same_day = (each for each in moments if _ZONED.fullmatch(each) and each[:10] == _dashed(moments[0]))
    return next(same_day, moments[0] if moments else None)


def _dashed(moment: str) -> str:
    return moment[:10].replace("/", "-")


def _persons(text: str) -> Iterator[str]:
    for way in _WAYS:
        for match in way.finditer(text):
            name = match[1].rstrip(".:\\")
            if not _NO_PERSON.fullmatch(name) and not name.replace(".", "").isdigit():
                yield name
