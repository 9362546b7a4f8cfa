"""The tokens of the HTTP entry point."""

from __future__ import annotations

import base64
import hashlib

import pytest

from producers.http.auth import USUAL_SCOPES, permitted, read_tokens
from producers.http.problems import Problem
from workers.core.errors import ConfigError
from workers.settings.model import Secret


def test_a_token_is_taken_as_bearer_and_as_the_password_of_anybody() -> None:
    tokens = read_tokens(Secret("nifi:events+read:sesame"))
    basic = base64.b64encode(b"whoever:sesame").decode()
    for shown in ("Bearer sesame", "bearer  sesame", f"Basic {basic}"):
        assert permitted(tokens.find(shown), "events").name == "nifi"


@pytest.mark.parametrize(
    "shown", ["", "Bearer", "Bearer open", "Basic %", "Basic b3Blbg==", "sesame", "Digest sesame"]
)
def test_everybody_else_is_refused_and_told_how(shown: str) -> None:
    with pytest.raises(Problem) as refused:
        permitted(read_tokens(Secret("nifi:sesame")).find(shown), "events")
    assert refused.value.status == 401
    assert "WWW-Authenticate" in refused.value.headers


def test_a_scope_that_the_token_lacks_is_named() -> None:
    with pytest.raises(Problem, match="the token nifi lacks the scope operate") as refused:
        permitted(read_tokens(Secret("nifi:events:sesame")).find("Bearer sesame"), "operate")
    assert refused.value.status == 403


def test_a_bare_token_may_do_the_usual_things() -> None:
    assert permitted(read_tokens(Secret("sesame")).find("Bearer sesame"), "read").scopes == USUAL_SCOPES


def test_two_tokens_of_one_name_are_valid_at_once() -> None:
    tokens = read_tokens(Secret("nifi:events:old, nifi:events:new"))
    assert {permitted(tokens.find(f"Bearer {token}"), "events").name for token in ("old", "new")} == {"nifi"}


def test_a_digest_may_stand_for_the_token() -> None:
    digest = hashlib.sha256(b"sesame").hexdigest()
    tokens = read_tokens(Secret(f"nifi:events:sha256={digest}"))
    assert permitted(tokens.find("Bearer sesame"), "events").name == "nifi"
    assert "sesame" not in repr(tokens.known)


@pytest.mark.parametrize("text", ["nifi:admin:sesame", "a:b:c:d", ":sesame", "nifi:events:"])
def test_an_entry_that_cannot_be_read_is_named_by_its_place_and_never_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="entry 2") as refused:
        read_tokens(Secret(f"good, {text}"))
    assert "sesame" not in str(refused.value)
