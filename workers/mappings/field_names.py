"""What a field's name says of its value, in the many vocabularies of detections."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from msgspec import Struct

from workers.mappings.vocabulary import words

#: What the text of a field may hold; "" says nothing, then an address is known by its form alone.
Kind = Literal["", "nothing", "domain", "dns", "url", "hash", "command", "text", "mail", "any"]

Side = Literal["", "source", "target"]


class Meaning(Struct, frozen=True):
    """What a name says: the kind of its value, its side, and whether it is of a machine of ours or of a person."""

    kind: Kind = ""
    side: Side = ""
    ours: bool = False
    person: bool = False
    host_name: bool = False


_NOTHING, _NOTHING_ENDS = frozenset(words("nothing")), words("nothing_ends")
_OURS, _OURS_STARTS, _OURS_ENDS = frozenset(words("ours")), words("ours_starts"), words("ours_ends")
_PERSONS, _HOST_NAMES = frozenset(words("persons")), frozenset(words("host_names"))
_SOURCE_STARTS, _TARGET_STARTS = words("source_starts"), words("target_starts")
_SOURCE_ENDS, _TARGET_ENDS = words("source_ends"), words("target_ends")
_NO_URL, _NO_HASH = words("no_url"), words("no_hash")

#: A hash inside of these is that of a handshake or a certificate, and of no file.
_NO_HASH_AROUND = ("ja3", "ja4", "hassh", "cert", "x509")

#: What a name says by itself.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(words("texts"), "text"),
    **dict.fromkeys(words("mails"), "mail"),
    **dict.fromkeys(words("commands"), "command"),
    **dict.fromkeys(words("domain"), "domain"),
    **dict.fromkeys(words("dns"), "dns"),
    **dict.fromkeys(words("any"), "any"),
    **dict.fromkeys(("request", "threaturl"), "url"),
}

_CONTACTED = (
    "url",
    "http",
    "dns",
    "query",
    "question",
    "destination",
    "dst",
    "dest",
    "dstendpoint",
    "remote",
)

#: What has a page of its own, to which a link inside of it leads.
_PAGES = ("rule", "policy", "report", "ticket", "case", "incident", "feed", "signature", "workflow")

#: What a name says inside of another one.
_INSIDE: dict[tuple[str, str], Kind] = {
    **{(around, name): "dns" for around in _CONTACTED for name in ("hostname", "host", "domain")},
    **{(around, "domain"): "dns" for around in ("server", "source", "client")},
    **{(around, name): "nothing" for around in _PAGES for name in ("url", "uri", "href", "link")},
    **{(around, "servername"): "dns" for around in ("tls", "ssl")},
    ("question", "name"): "dns",
    ("url", "full"): "url",
    ("url", "original"): "url",
    ("related", "hash"): "nothing",
    ("syslog", "line"): "nothing",
    ("syslog", "before"): "text",
}


@lru_cache(maxsize=8192)
def fold(name: str) -> str:
    """Return a name's letters and digits in small letters: `src_ip`, `srcIp` and `Src-IP` are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@lru_cache(maxsize=8192)
def meaning(name: str, parent: str = "") -> Meaning:
    """Return what the field `name` says of its value, where `parent` is the field around it."""
    folded = fold(name)
    kind = _kind(folded, fold(parent))
    named = folded in _OURS or folded.startswith(_OURS_STARTS) or folded.endswith(_OURS_ENDS)
    ours = kind in ("", "domain") and named
    return Meaning(kind, _side(folded), ours, folded in _PERSONS, folded in _HOST_NAMES)


def _kind(folded: str, around: str) -> Kind:
    if folded in _NOTHING or folded.endswith(_NOTHING_ENDS):
        return "nothing"
    if kind := _INSIDE.get((around, folded)) or _KINDS.get(folded):
        return kind
    if folded.endswith(("url", "uri", "urls", "uris")):
        return "nothing" if any(part in folded for part in _NO_URL) else "url"
    if folded.endswith(("commandline", "cmdline")):
        return "command"
    return "hash" if _is_hash(folded) and not any(part in around for part in _NO_HASH_AROUND) else ""


def _is_hash(folded: str) -> bool:
    named = any(part in folded for part in ("md5", "sha1", "sha256", "sha512", "hash"))
    return named and not any(part in folded for part in _NO_HASH)


def _side(folded: str) -> Side:
    if folded.startswith(_SOURCE_STARTS):
        return "source"
    if folded.startswith(_TARGET_STARTS) or folded.endswith(_TARGET_ENDS):
        return "target"
    return "source" if folded.endswith(_SOURCE_ENDS) else ""
