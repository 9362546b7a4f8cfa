"""What the form of a value says: addresses, host names, URLs and hashes, alone or inside of prose."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from workers.indicators.addresses import IP, host_of
from workers.indicators.refang import refang
from workers.mappings.vocabulary import words

#: Behind the port SonicWall writes the interface and the name.
_ADDRESS = re.compile(
    r"\[?(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,43})\]?(?::\d{1,5})?|"
    r"(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}(?::[A-Za-z][\w.-]{0,99}){1,2}"
)
#: What a network's length stands behind is no address; a port behind a slash, as Cisco writes it, mostly is longer.
#: Behind a slash stands a version, unless a port follows, or a proxy says whom it asked: `HIER_DIRECT/203.0.113.7`.
_ADDRESS_IN_TEXT = re.compile(
    r"(?=\d)(?:(?:(?<![\w./@-])|(?<=DIRECT/)|(?<=_PARENT/)|(?<=[\w-]/)(?=[\d.]{7,15}:\d{2,5}\b))"
    r"(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.(?:\d|in-addr)|/(?:[12]?\d|3[0-2])(?!\d))|"
    r"(?<=->)(?:\d{1,3}\.){3}\d{1,3}(?=/\d))"
)
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){1,12}(?:xn--[a-z0-9-]{2,59}|[a-z]{2,24})")
_URL = re.compile(r"(?:https?|hxxps?|ftp)(?:://|\[:\]//)\S+", re.I)
_URL_IN_TEXT = re.compile(r"\b(?:https?|hxxps?|ftp)(?:://|\[:\]//)[^\s\"'<>|;`,)(]{4,2000}", re.I)
#: A URL that was asked for, or that was made harmless, which only is done to what does harm.
_ASKED_FOR = re.compile(
    r"\b(?:GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS|CONNECT) {1,2}((?:https?|ftp)://[^\s\"'<>|;`,)(]{4,2000})|"
    r"\b(hxxps?(?:://|\[:\]//)[^\s\"'<>|;`,)(]{4,2000})",
    re.I,
)
#: A name that was looked up, as BIND, Unbound, dnsmasq and Umbrella write it, or that a proxy was asked to connect to.
_ASKING = ("query", "answer: ", "info: ", "CONNECT ", '","')
_NAME_ASKED_FOR = re.compile(
    r"(?:\b(?:query|answer): (?=\S+ (?:IN|CH) )|\bquery\[\w+\] (?=\S+ from )|\binfo: \S+ (?=\S+ [A-Z]+ IN\b)|"
    r"\bCONNECT (?:\w{1,12}://)?(?=\S+?:\d)|\"\d{1,5} \([A-Z]+\)\",\"[A-Z]+\",\")([\w.-]{3,253})"
)
_HASH = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128}")
_LABELLED_HASH = re.compile(r"\b(?:MD5|SHA-?1|SHA-?256)(?:=|: ?)([0-9A-Fa-f]{32,64})\b", re.I)
_LONG_HASH = re.compile(r"\b[0-9a-fA-F]{64}\b")
_MAIL = re.compile(r"[^\s@<>\"',;:()]{1,64}@((?:[\w-]{1,63}\.){1,10}[A-Za-z]{2,24})")
_AWS_ENDPOINT = re.compile(
    r"(?!ec2-)[a-z0-9-]{2,40}(?:\.[a-z]{2}(?:-[a-z]{1,12}){1,3}-\d)?\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
_SEPARATORS = re.compile(r"[,;\s]+")
_PORT = re.compile(r"(?<=\w):\d{1,5}$")

HASH_TYPES = {32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}

#: What before a number of four parts makes it a version, and how far before it is looked for.
_VERSION_WORDS, _BEFORE = ("version", "ver", "release", "build", "v", "revision", "oid"), 12

#: Ranges for documentation: rehearsals use them, so they count as outside.
_DOCUMENTATION = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)

_SERVICES, _INSIDE_DOMAINS = frozenset(words("services")), frozenset(words("inside_domains"))
_FILE_ENDS = words("file_ends")


@lru_cache(maxsize=8192)
def read_address(text: str) -> IP | None:
    """Return the address that a text is, with or without a port; IPv4 inside of IPv6 becomes IPv4."""
    if not _ADDRESS.fullmatch(text):
        return None
    bare = text[1:].partition("]")[0] if text[0] == "[" else text
    try:
        before = bare.partition(":")[0]
        address = ipaddress.ip_address(before if "." in before else bare)
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


@lru_cache(maxsize=8192)
def is_outside(address: IP) -> bool:
    """Say whether an address may be another's: public, or one that documentation and rehearsals use."""
    if address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback:
        return False
    return address.is_global or _is_documentation(address)


def is_machine(address: IP) -> bool:
    """Say whether an address, if it is one of ours, tells one machine from the others."""
    return not (
        address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast
    )


@lru_cache(maxsize=8192)
def is_service(host: str) -> bool:
    """Say whether a host is of a service that documents name for other reasons than that it was contacted."""
    name = host
    while name and name not in _SERVICES:
        name = name.partition(".")[2]
    return bool(name)


def addresses_listed(text: str) -> list[str]:
    """Return the addresses that a text is a list of, as proxies write them; [] where a part of it is none."""
    first, *more = filter(None, _SEPARATORS.split(text[:2_000]))
    if not more or not read_address(first):
        return []
    return [first, *more] if all(map(read_address, more)) else []


def hosts_in(text: str) -> list[str]:
    """Return the host names that a text is a list of; [] where a part of it is something else."""
    parts = (_PORT.sub("", part) for part in _SEPARATORS.split(text) if part)
    names = [refang(part).rstrip(".").lower() for part in parts]
    if not all(map(_HOST.fullmatch, names)):
        return []
    return [
        name
        for name in names
        if name.rpartition(".")[2] not in _INSIDE_DOMAINS and not _AWS_ENDPOINT.fullmatch(name)
    ]


def is_url(text: str) -> bool:
    """Say whether a text is one absolute URL."""
    return bool(_URL.fullmatch(text))


def host_before_path(text: str) -> str:
    """Return the host of a URL without a scheme, `www.evil.example/x`; "" for a path of files or anything else."""
    name = text.partition("/")[0].partition(":")[0]
    return "" if name.endswith(_FILE_ENDS) else name


def outside_url(text: str) -> str:
    """Return a URL armed again, "" where its host lies inside or is of a service."""
    url = refang(text).rstrip(".,")
    host = host_of(url).lower()
    address = read_address(host)
    outside = is_outside(address) if address else bool(hosts_in(host)) and not is_service(host)
    return url if outside else ""


def cut_urls(text: str) -> tuple[list[str], str]:
    """Return the URLs in prose or a command, and the text without them."""
    return _URL_IN_TEXT.findall(text), _URL_IN_TEXT.sub(" ", text)


def urls_asked_for(text: str) -> list[str]:
    """Return the URLs in prose that a method of HTTP stands before, and those that were made harmless."""
    return (
        [match[1] or match[2] for match in _ASKED_FOR.finditer(text)]
        if "://" in text or "[:]" in text
        else []
    )


def names_asked_for(text: str) -> list[str]:
    """Return the host names in prose that were looked up, or that a proxy was asked to connect to."""
    if not any(word in text for word in _ASKING):
        return []
    names = dict.fromkeys(_NAME_ASKED_FOR.findall(text))
    return [host for name in names for host in hosts_in(name)]


def addresses_in(text: str) -> list[str]:
    """Return the IPv4 addresses in prose; a number of four parts behind a word for version is none."""
    return [
        match[0]
        for match in _ADDRESS_IN_TEXT.finditer(text)
        if not text[max(match.start() - _BEFORE, 0) : match.start()]
        .lower()
        .rstrip(" \t:=()")
        .endswith(_VERSION_WORDS)
    ]


def hashes_in(text: str) -> list[str]:
    """Return the hash that a text is, or those in it that have a label before them or are called SHA-256."""
    if _HASH.fullmatch(text):
        return [text]
    folded = text.lower().replace("-", "")
    labelled: list[str] = _LABELLED_HASH.findall(text) if "md5" in folded or "sha" in folded else []
    return labelled + (_LONG_HASH.findall(text) if "sha256" in folded else [])


def mails_in(text: str) -> list[tuple[str, str]]:
    """Return the e-mail addresses in a text, each with its domain."""
    return [(match[0], match[1].lower()) for match in _MAIL.finditer(text[:1_000])]


def _is_documentation(address: IP) -> bool:
    return any(address in network for network in _DOCUMENTATION)
