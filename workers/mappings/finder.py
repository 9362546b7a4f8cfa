"""Finds what is an indicator in any JSON document: by the field's name and the value's form, in one walk."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from workers.mappings import forms
from workers.mappings.field_names import Meaning, Side, fold, meaning

#: Levels that are looked into, and characters of one text: what is deeper or longer is no field of a detection.
_DEEPEST, _LONGEST = 40, 65_536

#: Values that one document may give; a list of all that a machine ever contacted is no finding.
MOST = 500

#: The fields of a pair that name its value, and those that hold it.
_PAIR_NAMES = frozenset(("type", "algorithm", "hashtype", "name", "key", "field", "displayname"))
_PAIR_VALUES = frozenset(("value", "hashvalue", "valuestring", "stringvalue", "newvalue", "new"))

#: What an address begins with; a look at one character spares most texts the search for its form.
_ADDRESS_BEGINS = frozenset("0123456789abcdefABCDEF:[")

#: The fields of an object that say whose machine it is about, in the spellings that there are.
_ADDRESSES = ("ip", "address", "ip_address", "ipAddress")
_MACHINES = ("hostname", "host_name", "hostName", "computer_name", "computerName")

_NAMES_OF_MACHINES = frozenset(_ADDRESSES + _MACHINES)

#: What stands between the fields of a text in which Hayabusa puts them.
_BAR = " ¦ "

#: What senders write where there is no name.
_NO_NAMES = frozenset(("null", "none", "n/a", "unknown", "undefined", "localhost", "---"))

_MACHINE_NAME = re.compile(r"[\w.-]{2,253}")


#: What may hold an indicator.
_LOOKED_AT = (str, dict, list)


class Findings(Struct, frozen=True):
    """What a document names: indicators by the side on which they stand, and machines of ours."""

    sources: tuple[dict[str, str], ...]
    targets: tuple[dict[str, str], ...]
    assets: tuple[str, ...]


class _Place(Struct, frozen=True):
    """What the fields around a value say."""

    name: str = ""
    side: Side = ""
    ours: bool = False
    person: bool = False
    home: bool = False
    depth: int = 0


def find(value: object) -> Findings:
    """Return what `value`, a document or a part of one, names; looks at nothing else."""
    walk = _Walk()
    walk.look(value, _Place(), Meaning())
    return walk.found()


class _Last(threading.local):
    """What this thread looked at last: a mapping asks for sources, targets and hosts of one document in turn."""

    value: object = None
    found: Findings = Findings((), (), ())


_last = _Last()


def find_once(value: object) -> Findings:
    """Return what `find` does, without a second walk where the same object is asked about again."""
    if _last.value is not value:
        _last.value, _last.found = value, find(value)
    return _last.found


class _Walk:
    """Gathers what one document holds; an address of ours is none of another's, wherever else it stands."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Side] = {}
        self.ours: dict[str, None] = {}
        self.perhaps_ours: dict[str, Side] = {}
        self.mail_domains: set[str] = set()

    def found(self) -> Findings:
        """Return what was gathered; a domain that may be of ours only where nothing says that it is."""
        own = tuple(machine.lower() for machine in self.ours)
        for name, side in self.perhaps_ours.items():
            is_own = name in self.mail_domains or any(machine.endswith(f".{name}") for machine in own)
            if not is_own and not forms.is_service(name):
                self.values.setdefault(("FQDN", name), side)
        sources: list[dict[str, str]] = []
        targets: list[dict[str, str]] = []
        for (kind, value), side in self.values.items():
            if value not in self.ours:
                (targets if side == "target" else sources).append({"type": kind, "value": value})
        return Findings(tuple(sources), tuple(targets), tuple(self.ours))

    def look(self, value: object, place: _Place, says: Meaning) -> None:
        """Look at a value of any kind."""
        if isinstance(value, str):
            if 3 <= len(value) <= _LONGEST:
                self.read(value, place, says)
        elif isinstance(value, dict):
            self.enter(value, place)
        elif isinstance(value, list) and place.depth < _DEEPEST:
            for item in value:
                self.look(item, place, says)

    def enter(self, fields: dict[str, Any], place: _Place) -> None:
        """Look at each field of an object; of a pair of name and value, at the value under that name."""
        if place.depth >= _DEEPEST or len(self.values) >= MOST:
            return
        named = _pair(fields)
        home = place.depth > 0 and _is_home(fields)
        page = _page_of(fields)
        for name, inner in fields.items():
            if inner and isinstance(inner, _LOOKED_AT):
                if name[:1] == "c" and f"{name}Label" in fields:
                    # A custom field of CEF, which is there under the name of its label, too.
                    continue
                if named and fold(name) in _PAIR_VALUES:
                    self.under(named, inner, place, home=home)
                elif inner != named and not (page and isinstance(inner, str) and inner.endswith(page)):
                    self.under(name, inner, place, home=home)

    def under(self, name: str, value: object, place: _Place, *, home: bool = False) -> None:
        """Look at what stands under a name, which may be several with dots between; `home`: beside what is ours."""
        for part in name.split(".") if "." in name else (name,):
            says = meaning(part, place.name)
            if says.kind == "nothing" or part[:2] == "p_":
                return
            place = _Place(
                part,
                says.side or place.side,
                says.ours or (place.ours and not says.side),
                says.person or place.person,
                home,
                place.depth + 1,
            )
        self.look(value, place, says)

    def read(self, text: str, place: _Place, says: Meaning) -> None:
        """Look at one text."""
        if text[0] in "{[" and text[-1] in "}]" and (inner := _json(text)) is not None:
            self.look(inner, msgspec.structs.replace(place, depth=place.depth + 1), says)
        elif _BAR in text:
            for name, _, value in (field.partition(":") for field in text.split(_BAR)):
                self.under(name.strip(), value.strip(), place)
        elif text[0] in _ADDRESS_BEGINS and forms.read_address(text):
            self.address(text, place)
        elif text[0] in _ADDRESS_BEGINS and (listed := forms.addresses_listed(text)):
            for each in listed:
                self.address(each, place)
        elif says.kind:
            self.by_kind(text, place, says)
        elif "://" in text and (asked := forms.urls_asked_for(text)):
            self.urls(asked, place)
        elif "@" in text:
            self.mail_domains.update(domain for _, domain in forms.mails_in(text))
        elif says.host_name:
            self.machine(text)

    def by_kind(self, text: str, place: _Place, says: Meaning) -> None:
        """Look at a text whose field says what it may hold."""
        if says.kind == "hash":
            self.hashes(text)
        elif says.kind == "url":
            self.url(text, place)
        elif says.kind in ("dns", "domain"):
            self.domains(text, place, contacted=says.kind == "dns")
        elif says.kind == "any":
            self.hashes(text)
            self.url(text, place)
            self.domains(text, place, contacted=True)
        elif says.kind == "mail":
            for mail, _ in forms.mails_in(text)[:1]:
                self.take("Email Address", mail, "source")
        else:
            self.prose(text, place, command=says.kind == "command")

    def address(self, text: str, place: _Place) -> None:
        """Take an address; a private one, or one of a machine of ours, is an asset."""
        address = forms.read_address(text)
        if address is None or fold(place.name) == "id":
            return
        if forms.is_outside(address) and not place.ours:
            kind = "IP Address" if address.version == 4 else "IPv6 Address"
            self.take(kind, str(address), place.side or "source")
        elif (place.ours or address.is_private) and forms.is_machine(address):
            self.ours[str(address)] = None

    def machine(self, text: str) -> None:
        """Take the name of a machine of ours."""
        if (
            _MACHINE_NAME.fullmatch(text)
            and text.lower() not in _NO_NAMES
            and not forms.is_service(text.lower())
        ):
            self.ours[text] = None

    def hashes(self, text: str) -> None:
        """Take each hash in a text, but for one of zeros, which stands for none."""
        for digits in forms.hashes_in(text):
            if digits.strip("0") and len(digits) in forms.HASH_TYPES:
                self.take(forms.HASH_TYPES[len(digits)], digits.lower(), "target")

    def url(self, text: str, place: _Place) -> None:
        """Take a URL; of one without a scheme, as proxies write it, the host."""
        if forms.is_url(text):
            self.urls([text], place)
        elif (host := forms.host_before_path(text)) and not forms.is_service(host.lower()):
            self.domains(host, place, contacted=True)

    def urls(self, texts: Iterable[str], place: _Place) -> None:
        """Take each URL whose host lies outside."""
        for url in filter(None, map(forms.outside_url, texts)):
            self.take("URL", url, place.side or "target")

    def domains(self, text: str, place: _Place, *, contacted: bool) -> None:
        """Take host names; of those that nothing contacted, whose may be known at the end alone."""
        for name in forms.hosts_in(text[:4_000]):
            if contacted and not place.home:
                self.take("FQDN", name, place.side or "target")
            elif not (place.person or place.ours or place.home):
                self.perhaps_ours.setdefault(name, place.side or "target")

    def prose(self, text: str, place: _Place, *, command: bool) -> None:
        """Take addresses and named hashes out of prose, and the URLs of a command."""
        if command:
            urls, text = forms.cut_urls(text)
            self.urls(urls, place)
        else:
            self.urls(forms.urls_asked_for(text), place)
        for name in forms.names_asked_for(text):
            self.take("FQDN", name, place.side or "target")
        for address in forms.addresses_in(text):
            self.address(address, place)
        self.hashes(text)

    def take(self, kind: str, value: str, side: Side) -> None:
        """Keep an indicator, once."""
        self.values.setdefault((kind, value), side)


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _page_of(fields: dict[str, Any]) -> str:
    """Return how a link to the page of an object itself ends: with its id; "" for an object without one."""
    own = fields.get("id") or fields.get("_id") or fields.get("uuid")
    return f"/{own}" if isinstance(own, str | int) and len(str(own)) > 2 else ""


def _is_home(fields: dict[str, Any]) -> bool:
    """Tell whether an object is about a machine of ours: it has a private address, or the bare name of a machine."""
    if _NAMES_OF_MACHINES.isdisjoint(fields):
        return False
    for name in _ADDRESSES:
        first = value[0] if isinstance(value := fields.get(name), list) and value else value
        if isinstance(first, str) and (address := forms.read_address(first)):
            return address.is_private and not forms.is_outside(address)
    return any(isinstance(bare := fields.get(field), str) and "." not in bare for field in _MACHINES)


def _pair(fields: dict[str, Any]) -> str | None:
    """Return the name that a pair gives to its value, the most telling one; None for an object that is no pair."""
    if len(fields) > 12 or _PAIR_VALUES.isdisjoint(map(fold, fields)):
        return None
    names = [
        value
        for name, value in fields.items()
        if fold(name) in _PAIR_NAMES and isinstance(value, str) and len(value) <= 80
    ]
    telling = (name for name in names if meaning(name.rpartition(".")[2]).kind)
    return next(telling, names[-1] if names else None)
