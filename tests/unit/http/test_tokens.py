"""The tokens of the HTTP entry point."""

from __future__ import annotations

import base64
import hashlib

import pytest

from producers.http.problems import Problem
from producers.http.tokens import USUAL_SCOPES, permitted, read_tokens
from workers.core.errors import ConfigError
from workers.settings.model import Secret


def test_a_token_is_taken_as_bearer_and_as_the_password_of_any_user() -> None:
    tokens = read_tokens(Secret("nifi:events+read:sesame-of-the-tests"))
    basic = base64.b64encode(b"any-user:sesame-of-the-tests").decode()
    for shown in ("Bearer sesame-of-the-tests", "bearer  sesame-of-the-tests", f"Basic {basic}"):
        assert permitted(tokens.find(shown), "events").name == "nifi"


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer open",
        "Basic %",
        "Basic b3Blbg==",
        "sesame-of-the-tests",
        "Digest sesame-of-the-tests",
    ],
)
def test_every_other_header_is_refused_and_told_how(shown: str) -> None:
    with pytest.raises(Problem) as refused:
        permitted(read_tokens(Secret("nifi:sesame-of-the-tests")).find(shown), "events")
    assert refused.value.status == 401
    assert "WWW-Authenticate" in refused.value.headers


def test_a_scope_that_the_token_lacks_is_named() -> None:
    holder = read_tokens(Secret("nifi:events:sesame-of-the-tests")).find("Bearer sesame-of-the-tests")
    with pytest.raises(Problem, match="the token nifi lacks the scope operate") as refused:
        permitted(holder, "operate")
    assert refused.value.status == 403


def test_a_bare_token_may_do_the_usual_things() -> None:
    holder = read_tokens(Secret("sesame-of-the-tests")).find("Bearer sesame-of-the-tests")
    assert permitted(holder, "read").scopes == USUAL_SCOPES


def test_two_tokens_of_one_name_are_valid_at_once() -> None:
    tokens = read_tokens(Secret("nifi:events:old-token-of-nifi, nifi:events:new-token-of-nifi"))
    for token in ("old-token-of-nifi", "new-token-of-nifi"):
        assert permitted(tokens.find(f"Bearer {token}"), "events").name == "nifi"


def test_a_digest_may_stand_for_the_token() -> None:
    digest = hashlib.sha256(b"sesame-of-the-tests").hexdigest()
    tokens = read_tokens(Secret(f"nifi:events:sha256={digest}"))
    assert permitted(tokens.find("Bearer sesame-of-the-tests"), "events").name == "nifi"
    assert "sesame-of-the-tests" not in repr(tokens.known)


@pytest.mark.parametrize(
    "text",
    [
        "nifi:admin:sesame-of-the-tests",
        "nifi:events:sesame-of-the-tests:soon",
        "a:b:c:d:e",
        ":sesame-of-the-tests",
        "nifi:events:",
        "nifi:events:sesame",
        "nifi:events:sesamesesamesesame",
    ],
)
def test_an_entry_that_cannot_be_read_is_named_by_its_place_and_never_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="entry 2") as refused:
        read_tokens(Secret(f"good:good-token-of-nifi, {text}"))
    assert "sesame" not in str(refused.value)
