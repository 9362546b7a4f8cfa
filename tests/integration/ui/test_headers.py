"""What a browser is told of the status page, and what the producer does around it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.ui.letters import accept
from tests.support.browsing import Forms, Visitor
from tests.support.producers import READER, Process, Shim
from tests.support.waiting import until
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/page.css", "/jobs/none"])
def test_a_browser_may_do_no_more_than_the_page_needs(reader: Visitor, path: str) -> None:
    headers = reader.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert headers["Referrer-Policy"] == "same-origin"


def test_what_is_shown_is_not_kept_by_the_browser(reader: Visitor) -> None:
    assert reader.get("/").headers["Cache-Control"] == "no-store"


def test_the_page_needs_nothing_from_elsewhere(ui_operator: Visitor, ledger: Ledger) -> None:
    job_id = accept(ledger)
    for path in (
        "/",
        "/jobs",
        f"/jobs/{job_id}",
        "/quarantine",
        "/syncs",
        "/sign-in",
        "/static/page.css",
    ):
        text = ui_operator.get(path).text
        assert not re.search(r"(src|href|action)=\"(https?:)?//|url\(|@import|style=\"|\son\w+=\"", text), (
            path
        )


def test_behind_a_proxy_that_speaks_tls_cookies_demand_it(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url, http_behind_tls="true") as shim:
        visitor = Visitor(shim.url)
        hidden = Forms(visitor.get("/sign-in").text).found["/sign-in"]
        answer = visitor.http.post(
            shim.url + "/sign-in",
            data={**hidden, "token": READER},
            headers={"Cookie": f"tq-form={hidden['csrf']}"},
            allow_redirects=False,
            timeout=30,
        )
    cookie = next(text for text in answer.raw.headers.getlist("Set-Cookie") if text.startswith("__Host-tq="))
    assert "Secure" in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_token_that_is_used_too_often_is_asked_to_come_later(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url, http_requests_per_s="0.5") as shim:
        answers = [shim.call("GET", "/metrics") for _ in range(2)]
        other = shim.call("GET", "/metrics", token=READER)
    assert [answer.status_code for answer in answers] == [200, 503]
    assert (answers[1].json()["code"], int(answers[1].headers["Retry-After"]) >= 1) == ("too_fast", True)
    assert other.status_code == 200


def test_without_tokens_on_this_machine_the_page_asks_for_no_token(redis_url: str, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    environ = {"TQ_REDIS_URL": redis_url}
    options = ("--port", "0", "--insecure-no-auth", "--ready-file", str(ready))
    with Process("tq-http-shim", tmp_path, environ, *options):
        until(ready.exists, within_s=30)
        visitor = Visitor(json.loads(ready.read_text())["url"])
        assert "asks for no token" in visitor.get("/").text
        assert visitor.send("/sign-in", "/sign-in").status_code == 200
        stranger = visitor.get("/", Host="evil.example")
    assert stranger.status_code == 421
