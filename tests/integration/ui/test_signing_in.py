"""Who gets into the status page, and what a session is."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from tests.support.browsing import Forms, Visitor
from tests.support.full_redis import full
from tests.support.producers import OPERATOR, READER, SENDER, Shim
from workers.ledger import keys

pytestmark = pytest.mark.integration


def test_a_user_who_is_not_signed_in_is_asked_for_a_token_and_comes_back_to_the_page(
    visitor: Visitor,
) -> None:
    asked = visitor.get("/jobs?list=dead")
    assert asked.url.endswith("/sign-in?next=%2Fjobs%3Flist%3Ddead")
    hidden = Forms(asked.text).found["/sign-in"]
    assert visitor.post("/sign-in", **hidden, token=READER).url.endswith("/jobs?list=dead")


@pytest.mark.parametrize(
    ("token", "status", "words"), [("open", 401, "no such token"), ("", 401, "no such token")]
)
def test_a_wrong_token_is_refused(visitor: Visitor, token: str, status: int, words: str) -> None:
    refused = visitor.sign_in(token)
    assert refused.status_code == status
    assert words in refused.text
    assert visitor.get("/").url.endswith("/sign-in")


def test_a_token_that_may_not_read_does_not_get_in(visitor: Visitor) -> None:
    refused = visitor.sign_in(SENDER)
    assert (refused.status_code, "scope read" in refused.text) == (403, True)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_redis_has_only_digests(
    visitor: Visitor, redis: Redis
) -> None:
    hidden = Forms(visitor.get("/sign-in").text).found["/sign-in"]
    answer = visitor.http.post(
        visitor.url + "/sign-in", data={**hidden, "token": READER}, allow_redirects=False, timeout=30
    )
    cookie = next(text for text in answer.raw.headers.getlist("Set-Cookie") if text.startswith("tq="))
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"} <= set(cookie.split("; "))
    (key,) = redis.keys(keys.session("*"))
    assert 0 < redis.ttl(key) <= 28_800
    kept = repr(key) + repr(redis.hgetall(key))
    assert READER not in kept
    assert cookie.split(";")[0].removeprefix("tq=") not in kept


def test_signing_out_ends_the_session_everywhere(reader: Visitor, redis: Redis) -> None:
    cookies = dict(reader.http.cookies)
    assert reader.send("/", "/sign-out").url.endswith("/sign-in")
    reader.http.cookies.update(cookies)
    assert reader.get("/").url.endswith("/sign-in")
    assert redis.keys(keys.session("*")) == []


def test_wrong_attempts_are_counted_by_address_and_lock_no_right_one_out(
    redis_url: str, tmp_path: Path
) -> None:
    shim = Shim(tmp_path, redis_url)
    visitor = Visitor(shim.url)
    assert visitor.sign_in(READER).status_code == 200
    statuses = [visitor.sign_in("guess").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert visitor.sign_in(READER).status_code == 200
    log = (tmp_path / "tq-http-shim.log").read_text()
    assert shim.stop() == 0
    assert "sign-in refused" in log
    assert "guess" not in log


def test_a_token_that_is_taken_out_of_the_settings_ends_its_sessions(redis_url: str, tmp_path: Path) -> None:
    with_token = Shim(tmp_path, redis_url)
    visitor = Visitor(with_token.url)
    visitor.sign_in(READER)
    assert with_token.stop() == 0
    without = Shim(tmp_path, redis_url, http_tokens="reader:read:another-token-than-that")
    visitor.url = without.url
    assert visitor.get("/").url.endswith("/sign-in")
    assert without.stop() == 0


def test_a_link_in_a_chat_leads_past_the_cookie_that_stays_away(visitor: Visitor) -> None:
    answer = visitor.get("/jobs?list=dead", **{"Sec-Fetch-Site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0;url=/jobs?list=dead">' in answer.text


def test_an_operator_signs_in_and_sees_the_page_while_redis_is_full(visitor: Visitor, redis: Redis) -> None:
    with full(redis):
        assert visitor.sign_in(OPERATOR).ok
        assert "Sign out" in visitor.get("/").text
