"""Stars over secrets in free text: those known by value, and what looks like one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tqctl.bundle import Mask


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"password": "x1"}', '{"password": "***"}'),
        ('"{\\"token\\": \\"x1\\"}"', '"{\\"token\\": \\"***\\"}"'),
        ("api_key=x1 next", "api_key=*** next"),
        ("X-Auth-Token: x1", "X-Auth-Token: ***"),
        ("TQ_THREATQ_PASSWORD=x1", "TQ_THREATQ_PASSWORD=***"),
        ("redis://me:x1@redis/0", "redis://me:***@redis/0"),
        ("Authorization: Bearer x1.y", "Authorization: *** ***"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjEyfQ.c2ln", "jwt ***"),
        ("mysql --user=me pwd=x1; next", "mysql --user=me pwd=***; next"),
        ('password="two words, and more" next', 'password="***" next'),
        ("secret = 'two words' next", "secret = '***' next"),
        ('{"passwd": "it \\"is\\" long", "a": 1}', '{"passwd": "***", "a": 1}'),
        ('"{\\"token\\": \\"two words\\", \\"a\\": 1}"', '"{\\"token\\": \\"***\\", \\"a\\": 1}"'),
        ("Cookie: tq=abc; other=d e\nnext", "Cookie: ***\nnext"),
        ("['Set-Cookie: __Host-tq=abc; Path=/']", "['Set-Cookie: ***']"),
        ("sent tq-form=abc-d_e here", "sent tq-form=*** here"),
        (
            "a -----BEGIN PRIVATE KEY-----\nMIIx\n-----END PRIVATE KEY----- b -----BEGIN RSA PRIVATE KEY-----\nMI",
            "a *** b ***",
        ),
        ('"-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----"', '"***"'),
        ('{"url": "http://a:1", "mail": "b@c"}', '{"url": "http://a:1", "mail": "b@c"}'),
        ("nothing to hide: 12 jobs", "nothing to hide: 12 jobs"),
    ],
)
def test_what_looks_like_a_secret_is_stars(text: str, expected: str) -> None:
    assert Mask([])(text) == expected


def test_short_values_are_not_looked_for() -> None:
    assert Mask(["a"])("a banana") == "a banana"


@given(st.text(st.characters(codec="utf-8"), min_size=4), st.text(), st.text())
def test_a_known_secret_is_nowhere_in_what_is_left(secret: str, before: str, after: str) -> None:
    masked = Mask([secret])(before + secret + after + json.dumps(secret))
    assert secret not in masked.replace("***", "")


def test_a_long_run_of_letters_costs_no_more_than_its_length() -> None:
    assert len(Mask([])("a" * 2_000_000)) == 2_000_000
