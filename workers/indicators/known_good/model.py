"""A list of known values, as a value."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from msgspec import Struct

#: What becomes of a value that is on a list: no indicator, one with an attribute that says so, or an indicator
#: whatever other lists say.
Action = Literal["block", "inform", "allow"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}://")


class About(Struct, frozen=True):
    """What the head of a list says of it.

    `urls`: a name counts for all URLs of its host, or for the bare one without path and query. `mails`: whether it
    counts for e-mail addresses, too.
    """

    title: str = ""
    action: Action = "block"
    urls: Literal["all", "bare"] = "all"
    mails: Literal["yes", "no"] = "no"
    source: str = ""
    version: str = ""
    licence: str = ""


class KnownList(Struct, frozen=True):
    """The values of one list, sorted by what they are; addresses as ranges of IPv6 numbers.

    `zones` are names that stand for all below them, `children` those whose direct children are meant, but for
    `exceptions`. `texts` are everything else, folded.
    """

    name: str
    about: About = About()
    ranges: tuple[tuple[int, int], ...] = ()
    names: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    children: frozenset[str] = frozenset()
    exceptions: frozenset[str] = frozenset()
    mail_zones: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """What the list holds, for people."""
        return self.about.title or self.name.replace("-", " ").replace("_", " ")


def fold_text(value: str) -> str:
    """Return a text as lists compare it: without case, a URL without its scheme and last slash."""
    folded = value.strip().casefold()
    return _SCHEME.sub("", folded, count=1).rstrip("/") if "/" in folded else folded


def plain_name(name: str) -> str:
    """Return a name in the letters that DNS knows; as it is where it is none."""
    name = unicodedata.normalize("NFKC", name).replace("。", ".")
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name
