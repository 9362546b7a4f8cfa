"""Undo what people do to make a dangerous value harmless in an e-mail or a ticket."""

from __future__ import annotations

import re

#: Invisible characters that copying from a web page brings along.
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")

#: Full stops of other scripts, which a browser takes for a dot in a host name.
_WIDE_DOT = re.compile("[\u3002\uff0e\uff61]")

#: Brackets around a whole value.
_AROUND = {"(": ")", "<": ">"}

_QUOTES = "\"'`“”‘’«»"

#: What a text has in which something is undone.
_DISARMED = re.compile(r"[\[({\\]")

# At most one blank is eaten on each side: an unbounded \s* would take quadratic time on a hostile value.
_DOT = re.compile(r" ?(?:\[ ?(?:\.|dot) ?\]|\( ?(?:\.|dot) ?\)|\{ ?(?:\.|dot) ?\}) ?|\[\.|\.\]|\\\.", re.I)
_AT = re.compile(r" ?(?:\[ ?(?:@|at) ?\]|\( ?(?:@|at) ?\)|\{ ?(?:@|at) ?\}) ?", re.I)
_COLON = re.compile(r"\[(:|:/{1,2}|/{1,2})\]|\((:|:/{1,2})\)")
_SCHEME = re.compile(r"(?:hxx|hxt|htx|h\*\*|hxxx)p(s?)(?=:)", re.I)
_SLASHES = re.compile(r"(?:https?|ftps?):([\\/]{1,4})(?=[^\\/])", re.I)
_FTP = re.compile(r"f[x*]p(s?)(?=:)", re.I)


def tidy(text: str) -> str:
    """Drop blanks and quotation marks at both ends and invisible characters."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return text.strip().strip(_QUOTES).strip()


def refang(text: str) -> str:
    """Return `text` tidied and armed again: `hxxp://bad[.]example` becomes `http://bad.example`."""
    text = tidy(text)
    if len(text) > 2 and _AROUND.get(text[0]) == text[-1] and text[0] not in text[1:]:
        text = tidy(text[1:-1])
    if not text.isascii():
        text = _with_dots(text)
    if _DISARMED.search(text):
        text = _AT.sub("@", _DOT.sub(".", text))
        text = _COLON.sub(lambda match: match[1] or match[2], text)
    if ":" in text:
        text = (
            _with_slashes(_FTP.sub(r"ftp\1", _SCHEME.sub(r"http\1", text, count=1), count=1))
            if text[0] in "hHfF"
            else text
        )
    return text


def _with_slashes(text: str) -> str:
    """Return a URL with the two slashes behind its scheme that a browser reads there, and none turned in its path."""
    match = _SLASHES.match(text)
    if not match or match[1] == "//":
        return text
    rest = text[match.end() :]
    end = next((place for place, letter in enumerate(rest) if letter in "?#"), len(rest))
    path = rest[:end].replace("\\", "/")
    return f"{text[: match.start(1)]}//{path}{rest[end:]}"


def _with_dots(text: str) -> str:
    """Return a text with plain dots in its host; a path keeps its letters."""
    scheme = text.find("://")
    slash = text.find("/", scheme + 3 if scheme >= 0 else 0)
    end = len(text) if slash < 0 else slash
    return _WIDE_DOT.sub(".", text[:end]) + text[end:]
