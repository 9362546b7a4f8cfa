"""Whether a value may become an indicator or an entry of a list, and which list says so if not."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from workers.indicators.addresses import (
    as_number,
    host_of,
    ip_of_host,
    read_endpoint,
    read_network,
    read_number,
    read_range,
)
from workers.indicators.known_good.index import Index
from workers.indicators.known_good.model import Action, KnownList, fold_text, plain_name
from workers.indicators.known_good.sieve import HASHES, Sieve
from workers.indicators.refang import refang

#: The attribute of an indicator that is on an informing list (MISP's word for such lists).
INFORMS = "Warning List"

#: Lists of what is ours: their values become assets, and no sender may overrule them.
PRIVATE, OURS = "private-addresses", "ours"

_ADDRESS_TYPES = frozenset({"IP Address", "IPv6 Address", "CIDR Block"})

#: Longer text of another type is no address and no host name.
_LONGEST = 300

#: Where the host is, behind a user or not, in the usual case; other spellings are read as a browser would.
_PLAIN_URL = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]{0,30}://)?(?:[A-Za-z0-9._:-]{1,64}@)?([A-Za-z0-9._-]{1,255})(?::\d{1,5})?(?=[/?#]|\Z)"
)

#: What a text of another type needs to hold an address.
_HOLDS_ADDRESS = re.compile(
    r"\d[\[({ ]{0,2}(?:\.|dot)|:[0-9a-f:]{0,5}:|//|\\\d|\A\W{0,5}\d+\W{0,5}\Z|0x", re.I
)

_BARE_URL = re.compile(
    r"(?:(?:[A-Za-z][A-Za-z0-9+.-]{0,30}:)?[/\\]{1,4})?(?:[^/\\?#]{0,256}@)?[^/\\?#@]*[/\\]?[?#]?"
)

#: What stands behind the host of a URL that names nothing but the site.
_BARE_ENDS = frozenset(("", "/", "?", "#", "/?", "/#"))

_MAIL = re.compile(r"[^@]*@\[?([^@\[\]]+)\]?")


class Verdict(NamedTuple):
    """What a list says of a value: `part` is what of the value is on it, a URL's host or the value itself."""

    action: Action
    list: str
    title: str
    part: str

    @property
    def is_ours(self) -> bool:
        """Whether the value is one of our own."""
        return self.list in (PRIVATE, OURS)

    @property
    def reason(self) -> str:
        """Why, in words that follow `part`."""
        if self.list == PRIVATE:
            return "is a private address"
        return "is ours" if self.list == OURS else f"is on the list {self.list} ({self.title})"

    def reason_for(self, value: str) -> str:
        """Why, in words that follow the whole value."""
        return self.reason.removeprefix("is ") if self.part == value else f"{self.part} {self.reason}"


class _Sides(NamedTuple):
    """The lists, as bits, that count for one type of value, by what they say."""

    allow: int
    block: int
    inform: int


class KnownGood:
    """Judges values by `lists`, of which the first that has a value is named; without lists, nothing is kept out.

    `actions`, by list and type ("": all types), count more than those of the lists.
    """

    def __init__(
        self, lists: Sequence[KnownList] = (), actions: Mapping[tuple[str, str], Action | None] | None = None
    ) -> None:
        self._lists = lists
        self._actions = actions or {}
        self._index = Index(lists)
        self._sides: dict[tuple[str, bool], _Sides] = {}
        self._ours = sum(1 << number for number, known in enumerate(lists) if known.name in (PRIVATE, OURS))

    def judge(self, type_: str, value: str) -> Verdict | None:
        """Return what the lists say of a value, whatever its spelling; None where it is an indicator like any other."""
        mask, part, is_bare = self._look_up(type_, value)
        if not mask:
            return None
        sides = self._sides.get((type_, is_bare)) or self._sides_of(type_, is_bare)
        if mask & sides.allow:
            return None
        if hits := mask & sides.block:
            return self._verdict("block", hits, part)
        hits = mask & sides.inform
        return self._verdict("inform", hits, part) if hits else None

    def blocked(self, type_: str, values: Collection[str]) -> dict[str, Verdict]:
        """Return those of the values that are kept out, a thousand in the time in which `judge` takes two hundred."""
        verdicts = ((value, self.judge(type_, value)) for value in self._sieve.suspects(type_, values))
        return {value: verdict for value, verdict in verdicts if verdict and verdict.action == "block"}

    @cached_property
    def _sieve(self) -> Sieve:
        """A sieve of the lists that keep values of any type out."""
        given = {name for (name, _), action in self._actions.items() if action == "block"}
        return Sieve([known for known in self._lists if known.about.action == "block" or known.name in given])

    def _verdict(self, action: Action, hits: int, part: str) -> Verdict:
        first = self._lists[(hits & -hits).bit_length() - 1]
        return Verdict(action, first.name, first.title, part)

    def _look_up(self, type_: str, value: str) -> tuple[int, str, bool]:
        """Return the lists that a value is on, what of it is, and whether it is a URL with a path."""
        if type_ == "FQDN":
            return *self._host(value), True
        if type_ in _ADDRESS_TYPES:
            return *self._address(value), True
        if type_ == "URL":
            return self._url(value)
        if type_ == "Email Address":
            return *self._mail(value), True
        return *self._other(type_, value), True

    def _host(self, value: str) -> tuple[int, str]:
        name = value.strip().lower().rstrip(".").removeprefix("*.")
        if not name.isascii():
            name = plain_name(name)
        if _may_be_address(name):
            number = read_number(name)
            if number is not None:
                return self._index.number(number), name
            if ip := ip_of_host(name):
                return self._index.number(as_number(ip)), str(ip)
        return self._index.host(name), name

    def _address(self, value: str) -> tuple[int, str]:
        text = value.strip()
        if "/" in text:
            reach = read_range(text)
            if reach:
                return self._index.reach(*reach) | self._index.number(reach[0]), text
        else:
            number = read_number(text)
            if number is not None:
                return self._index.number(number), text
        ip = (read_endpoint(text) or (ip_of_host(text), None))[0]
        return (self._index.number(as_number(ip)), str(ip)) if ip else (0, text)

    def _url(self, value: str) -> tuple[int, str, bool]:
        text = self._index.text(fold_text(value))
        plain = _PLAIN_URL.match(value)
        mask, part = self._host(plain[1] if plain else host_of(value))
        rest = value[plain.end() :] if plain else ""
        is_bare = rest in _BARE_ENDS if plain else bool(_BARE_URL.fullmatch(value))
        return text | mask, part if mask else value, is_bare

    def _mail(self, value: str) -> tuple[int, str]:
        match = _MAIL.fullmatch(value.strip())
        if not match:
            return self._other("", value)
        domain = match[1].lower().rstrip(".")
        ip = ip_of_host(domain) if _may_be_address(domain) else None
        mask = self._index.mail(value.strip().casefold(), domain if domain.isascii() else plain_name(domain))
        return mask | (self._index.number(as_number(ip)) if ip else 0), value

    def _other(self, type_: str, value: str) -> tuple[int, str]:
        """Look a text up: an address must not slip through as another type either, nor a name as a String."""
        mask = self._index.text(fold_text(value))
        if mask or type_ in HASHES or len(value) > _LONGEST:
            return mask, value
        if type_ == "String" or _HOLDS_ADDRESS.search(value):
            text = refang(value)
            if read_network(text):
                return self._address(text)
            host = host_of(text)
            if type_ == "String" or _may_be_address(host):
                return self._host(host)
        return self._share(value) if value.startswith("\\\\") else (0, value)

    def _share(self, path: str) -> tuple[int, str]:
        """Look up the server of a path in the network: what lies on one of ours is ours, whatever it is."""
        server = path[2:].partition("\\")[0]
        mask = self._host(server)[0] & self._ours
        return (mask, server) if mask else (0, path)

    def _sides_of(self, type_: str, is_bare: bool) -> _Sides:
        sides = {"allow": 0, "block": 0, "inform": 0}
        for number, known in enumerate(self._lists):
            if type_ == "URL" and known.about.urls == "bare" and not is_bare:
                continue
            action = self._action(known, type_)
            if action:
                sides[action] |= 1 << number
        self._sides[type_, is_bare] = _Sides(**sides)
        return self._sides[type_, is_bare]

    def _action(self, known: KnownList, type_: str) -> Action | None:
        """Return what a list says of a type; None where the settings have it say nothing."""
        given = self._actions.get((known.name, type_)) or self._actions.get((known.name, ""))
        if given == "allow" and known.about.action != "allow":
            return None
        return given or known.about.action


def _may_be_address(host: str) -> bool:
    """Tell whether a host ends like an address: only then is it worth being read as one."""
    last = host.rpartition(".")[2]
    return last.isdigit() or ":" in host or last[:2] in ("0x", "0X")
