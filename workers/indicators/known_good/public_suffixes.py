"""The public suffix list of the library publicsuffixlist, offline: names under which others register theirs.

Its rules are taken and looked up among all lists: its own look-up takes longer (5 to 10 us) than all of ours.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from publicsuffixlist import PSLFILE, encode_idn

from workers.indicators.known_good.model import About, KnownList

#: Where the registries' own suffixes end, and those of companies (github.io) begin.
_PRIVATE = "// ===BEGIN PRIVATE DOMAINS==="

ABOUT = About(title="public suffixes", urls="bare")


@lru_cache(maxsize=1)
def public_suffixes() -> KnownList:
    """Return all suffixes as a list. A company's `*.` rule is left out: what matches it may be one customer's."""
    registries, _, companies = Path(PSLFILE).read_text("utf-8").partition(_PRIVATE)
    rules = _rules(registries)
    parents = [rule[2:] for rule in rules if rule[0] == "*"]
    plain = [*parents, *(rule for rule in (*rules, *_rules(companies)) if rule[0] not in "*!")]
    return KnownList(
        name="public-suffixes",
        about=ABOUT,
        names=frozenset((*plain, *(encode_idn(rule) for rule in plain if not rule.isascii()))),
        children=frozenset(parents),
        exceptions=frozenset(rule[1:] for rule in rules if rule[0] == "!"),
    )


def _rules(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]
