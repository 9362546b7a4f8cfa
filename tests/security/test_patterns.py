"""No regular expression of the product takes more than linear time, whatever it reads."""

from __future__ import annotations

import re

import pytest

from tests.security.growth import grows_too_fast
from tests.security.product_patterns import Use, unseen, uses
from tests.security.pumping import super_linear
from workers.logrhythm.entries import ItemScanner

USES = uses()


@pytest.mark.parametrize("use", USES, ids=[f"{use.place} {use.method}" for use in USES])
def test_a_pattern_takes_linear_time(use: Use) -> None:
    """given texts that its own tree suggests, when it reads twice as much, then it takes twice the time."""
    assert not super_linear(use.pattern, use.method)


def test_every_pattern_is_checked() -> None:
    """given the product's source, then each pattern has a name in its module, or stands in a call of `re`."""
    assert not unseen()
    assert {"workers.core.urls._LOGIN", "tqctl.bundle._QUOTED", "producers.http.tokens._BREAK"} <= {
        use.place for use in USES
    }


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(a+)+b", "fullmatch"),
        (r"(?:\w|\d{1,2})*!", "match"),
        (r"(?:a{1,30}){1,30}b", "match"),
        (r"a*a*b", "match"),
        (r"\w+\d+x", "match"),
        (r"^\s*(.*?)\s*:", "match"),
        (r"\s+$", "search"),
        (r"\d+(?:\.\d+)?s", "search"),
        (r"[^\s@]+@[^\s@]+", "sub"),
        (r'"(?:[^"\\]++|\\.)*+"', "sub"),
        (r"<!--.*?-->", "sub"),
        (r"(?i)key\s*\w*?é+=", "search"),
        (rb"\d+x", "search"),
    ],
)
def test_a_pattern_that_backtracks_is_found(pattern: str | bytes, method: str) -> None:
    """given a pattern that is known to be polynomial or exponential, then it is reported with a text."""
    assert "took" in super_linear(re.compile(pattern), method)


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(?>a+)+b", "fullmatch"),
        (r"\w*+!", "match"),
        (r"[^\W\d]+\d+x", "match"),
        (r"(?<!\s)\s++$", "search"),
        (r"(?<!\d)\d++s", "search"),
        (r'(?s)"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', "sub"),
        (r"(?s)<!--.*?(?:-->|\Z)", "sub"),
        (r"[^\s@]+@[^\s@]+", "fullmatch"),
    ],
)
def test_a_mended_pattern_is_not_reported(pattern: str, method: str) -> None:
    """given patterns that were mended with possessive quantifiers or lookbehinds, then none is reported."""
    assert not super_linear(re.compile(pattern), method)


def test_a_list_that_is_cut_off_behind_escaped_quotes_is_scanned_in_linear_time() -> None:
    """given an answer that is one unfinished string, when twice as much came, then it takes twice the time."""
    assert not grows_too_fast(
        lambda piece: ItemScanner().feed(piece),
        lambda length: b'{"name": "' + rb"\"" * (length // 2),
        short=32_768,
        long=131_072,
    )
