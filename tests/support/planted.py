"""Values to plant into payloads, alarms and collections: benign and own ones, and malicious ones that look alike."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

import yaml

_WORDS = yaml.safe_load((Path(__file__).parents[1] / "fixtures" / "planted.yaml").read_text("utf-8"))
WORDS = {name: text.split() for name, text in _WORDS.items()}

#: The setting under which the own values among them are own.
OWN_ASSETS = "corp-own.ru, @mail-own.ru, 185.10.20.0/24, 2a0b:1234::/32, dc01"

_RENTED = (45, 91, 103, 141, 176, 185, 193, 195)

_NETWORKS = (
    "10.0.0.0/8",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "224.0.0.0/4",
    "fe80::/10",
    "0.0.0.0/0",
    "185.10.20.128/25",
)

_HOST_SPELLINGS = (
    "{}",
    "{}.",
    "FQDN:{}",
    "{}:443",
    "https://{}",
    "http://{}/",
    "URL:https://{}:8443/",
    "String:{}",
)

_V4_SPELLINGS = ("{}", "{}:53", "IP Address:{}", "::ffff:{}", "[::ffff:{}]:443", "{}/32", "http://{}/", "https://{}/a?b=c",
                 "FQDN:{}", "String:{}", "\"{}\"", "http://user:pw@{}:8080/x")  # fmt: skip
_V6_SPELLINGS = ("{}", "[{}]:53", "IPv6 Address:{}", "{}/128", "http://[{}]/x", "{}%eth0", "IP Address:{}")


def benign() -> list[str]:
    """Return benign and own values as detections write them, a thousand at least."""
    names = [
        name for group in ("sites", "below_sites", "not_public", "public_suffixes") for name in WORDS[group]
    ]
    hosts = (spelling.format(name) for name in names for spelling in _HOST_SPELLINGS)
    four = (spelling.format(ip) for ip in WORDS["addresses"] if ":" not in ip for spelling in _V4_SPELLINGS)
    six = (spelling.format(ip) for ip in WORDS["addresses"] if ":" in ip for spelling in _V6_SPELLINGS)
    hashes = (
        spelling.format(text) for text in WORDS["empty_hashes"] for spelling in ("{}", "String:{}", "'{}'")
    )
    values = [*hosts, *four, *six, *hashes, *WORDS["own_mail"], *_NETWORKS]
    return [*values, *(_shout(value) for value in values[::4]), *(_defang(value) for value in values[::3])]


def malicious() -> list[str]:
    """Return values of attackers, each different, a thousand at least; none of them is benign or ours."""
    random = Random(7)
    return list(dict.fromkeys(_malicious(random)))


def _malicious(random: Random) -> Iterator[str]:
    for number in range(4):
        name = sha256(str(number).encode()).hexdigest()[:12]
        yield from (f"{name}.{host}" for host in WORDS["shared_hosting"])
        yield from (f"https://{name}.{host}/login" for host in WORDS["shared_hosting"])
        yield from ("https://" + page.replace("{}", name) for page in WORDS["pages"])
        yield from (f"http://{page.replace('{}', name)},a;b" for page in WORDS["pages"][:8])
        yield from (host.replace("{}", name) for host in WORDS["lookalikes"])
        yield from (f"https://{host.replace('{}', name)}/" for host in WORDS["lookalikes"])
        yield from (f"{name}@{host}" for host in ("gmail.com", "outlook.com", "evil.ru", "proton.me"))
        digests = [sha256(f"{number} {index}".encode()).hexdigest() for index in range(9)]
        yield from (digest[:length] for digest in digests for length in (32, 40, 64))
    yield from WORDS["cloud"]
    yield from (f"http://{address}:8080/gate.php" for address in WORDS["cloud"])
    for _ in range(150):
        address = _public(random)
        yield from (str(address), f"http://{_public(random)}/a.sh")


def _public(random: Random) -> IPv4Address:
    """Return an address that IANA calls global and no known operator of resolvers has."""
    while True:
        address = IPv4Address(random.getrandbits(32))
        if address.is_global and not address.is_multicast and address.packed[0] in _RENTED:
            return address


def _shout(value: str) -> str:
    prefix, colon, rest = value.partition(":")
    return value.upper() if not colon or prefix.count(".") else f"{prefix}{colon}{rest.upper()}"


def _defang(value: str) -> str:
    return value.replace(".", "[.]").replace("http", "hxxp")
