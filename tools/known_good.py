"""The shipped lists that come from MISP's warning lists: `python -m tools.known_good` writes them anew.

Needs the package that brings them, which nothing else does: `.venv/bin/pip install pymispwarninglists`. The other
lists in the folder are kept by hand and are left alone.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workers.indicators.known_good.lists import SHIPPED, read_list
from workers.indicators.known_good.model import About
from workers.indicators.known_good.public_suffixes import public_suffixes

#: Sites that give subdomains away: one of an attacker must stay an indicator.
SHARED = Path(__file__).parent / "shared_hosting.txt"

LICENCE = "BSD-2-Clause or CC0-1.0 (MISP warning lists)"

#: The best-known sites, whose subdomains are theirs too, and the many others, of which the name alone counts.
BEST_KNOWN, KNOWN, POPULAR_NAMES = ("moz-top500", "alexa"), "tranco10k", "cisco_top10k"

#: Addresses of clouds and content networks, which attackers rent, too.
CLOUDS = {
    "akamai": "Akamai",
    "amazon-aws": "Amazon AWS",
    "apple": "Apple",
    "cloudflare": "Cloudflare",
    "fastly": "Fastly",
    "google-gcp": "Google Cloud",
    "google-gmail-sending-ips": "Gmail's outgoing servers",
    "microsoft-azure": "Microsoft Azure",
    "microsoft-azure-china": "Microsoft Azure China",
    "microsoft-azure-germany": "Microsoft Azure Germany",
    "microsoft-azure-us-gov": "Microsoft Azure US Government",
    "microsoft-office365-ip": "Microsoft 365",
    "stackpath": "StackPath",
    "zscaler": "Zscaler",
}

#: Hashes, by the list's name here: that of MISP's list, our title, and what becomes of them.
HASHES = {
    "empty-files": ("empty-hashes", About(title="hashes of the empty file")),
    "trivial-files": ("common-ioc-false-positive", About(title="hashes of trivial and very common files")),
    "eicar": ("eicar.com", About(title="hashes of the EICAR test file", action="inform")),
}

#: The hashes of nothing by whatever algorithm, since the length alone says which it may be: RIPEMD-160, MD4 and
#: Keccak-256, which Python need not have, and all that it has.
EMPTY = {
    "9c1185a5c5e9fc54612808977ee8f548b2258d31",
    "31d6cfe0d16ae931b73c59d7e0c089c0",
    "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    *(
        hashlib.new(name).hexdigest()
        for name in hashlib.algorithms_guaranteed
        if not name.startswith("shake")
    ),
}


def main() -> None:
    """Write each list that comes from MISP."""
    spec = find_spec("pymispwarninglists")
    if spec is None or spec.origin is None:
        raise SystemExit("pymispwarninglists is not installed; .venv/bin/pip install pymispwarninglists")
    folder = Path(spec.origin).parent / "data" / "misp-warninglists" / "lists"
    misp = {path.parent.name: json.loads(path.read_text("utf-8")) for path in folder.glob("*/list.json")}
    about = About(title="sites that many people visit", urls="bare")
    write("top-domains", top_domains(misp), about, misp, *BEST_KNOWN, KNOWN, POPULAR_NAMES)
    for name, title in CLOUDS.items():
        cloud = About(title=f"addresses of {title}", action="inform")
        write(name, merged(misp[name]["list"]), cloud, misp, name)
    for name, (source, about) in HASHES.items():
        values = {value.lower() for value in misp[source]["list"]}
        write(name, sorted(values | (EMPTY if name == "empty-files" else set())), about, misp, source)


def write(name: str, values: Iterable[str], about: About, misp: dict[str, Any], *sources: str) -> None:
    """Write a list with what it is and where it comes from; read it back, so that a wrong one fails here."""
    head = {
        "title": about.title,
        "action": about.action,
        "urls": about.urls,
        "source": f"PyMISPWarningLists {version('pymispwarninglists')}: {', '.join(sources)}",
        "version": ", ".join(str(misp[source]["version"]) for source in sources),
        "licence": LICENCE,
    }
    lines = [*(f"# {key}: {value}" for key, value in head.items()), *values]
    text = "\n".join(lines) + "\n"
    read_list(name, text)
    (SHIPPED / f"{name}.txt").write_text(text, "utf-8")


def top_domains(misp: dict[str, Any]) -> Iterator[str]:
    """Yield the names: with a dot in front where all below them is theirs, too."""
    known, shared = set(misp[KNOWN]["list"]), shared_names()
    best, others = ({name.lower() for name in misp[source]["list"]} for source in BEST_KNOWN)
    zones = {name for name in best | others & known if is_own(name, shared)}
    names = (
        known | best | {name for name in misp[POPULAR_NAMES]["list"] if has_own_parent(name, known, shared)}
    )
    yield from sorted(f".{name}" for name in zones)
    yield from sorted(name for name in names if "." in name and not under(name, zones))


def shared_names() -> set[str]:
    """Return the sites that give subdomains away, and the public suffixes, with all names above them."""
    lines = (line.strip() for line in SHARED.read_text("utf-8").splitlines())
    names = {line for line in lines if line and line[0] != "#"} | public_suffixes().names
    return {parent for name in names for parent in (name, *parents(name)) if "." in parent}


def is_own(name: str, shared: set[str]) -> bool:
    """Tell whether all below a name is its owner's."""
    return "." in name and name not in shared and not under(name, shared - {name})


def has_own_parent(name: str, known: set[str], shared: set[str]) -> bool:
    """Tell whether a name belongs to a known site that gives none away."""
    return any(parent in known for parent in parents(name)) and not any(
        parent in shared for parent in (name, *parents(name)) if parent in known
    )


def under(name: str, zones: set[str]) -> bool:
    """Tell whether a name lies in one of `zones`."""
    return any(parent in zones for parent in (name, *parents(name)))


def parents(name: str) -> Iterator[str]:
    """Yield the names above one, the nearest first."""
    _, dot, rest = name.partition(".")
    while dot:
        yield rest
        _, dot, rest = rest.partition(".")


def merged(values: Iterable[str]) -> Iterator[str]:
    """Yield networks without those inside of others, IPv4 first."""
    networks = [ipaddress.ip_network(value.strip(), strict=False) for value in values]
    four = [item for item in networks if isinstance(item, ipaddress.IPv4Network)]
    six = [item for item in networks if isinstance(item, ipaddress.IPv6Network)]
    yield from map(str, [*ipaddress.collapse_addresses(four), *ipaddress.collapse_addresses(six)])


if __name__ == "__main__":
    main()
