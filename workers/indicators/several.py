"""Several values in one text, told apart: a comma inside a URL is a part of it, one between two values is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

_RUN = re.compile(r"[,;|\s]+")

_SEPARATOR = re.compile(r"[,;|]")

_BLANK = re.compile(r"\s")

_URL_MARK = re.compile(r"[/?]")

#: What ends a URL although no blank stands before it: another scheme, an IPv4 address or a hash, all defanged or not.
_NEXT_VALUE = re.compile(
    r"[\"'<]?(?:[A-Za-z][A-Za-z0-9+.*-]{0,30}[\[(]?:[\])]?[\[(]?//"
    r"|\d{1,3}(?:[\[(]?\.[\])]?\d{1,3}){3}(?![\w.-])"
    r"|[0-9A-Fa-f]{32,128}(?![\w.-]))"
)


def separate(text: str) -> list[str]:
    """Return the values between the commas, semicolons and bars of `text`; blanks alone separate nothing."""
    return [part for part in (text[begin:end].strip() for begin, end in _spans(text)) if part]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    begin, mark = 0, -1
    for run in _RUN.finditer(text):
        if not _SEPARATOR.search(run[0]):
            continue
        if mark < begin:
            # Looked for once a value, so that a text of nothing but commas is read in one go.
            match = _URL_MARK.search(text, begin)
            mark = match.start() if match else len(text)
        in_url = mark < run.start() and not _BLANK.search(run[0])
        if not in_url or _NEXT_VALUE.match(text, run.end()):
            yield begin, run.start()
            begin = run.end()
    yield begin, len(text)
