"""A user of the status page is taken from a header only on the word of a trusted proxy, and groups say what it may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from msgspec import convert
from prometheus_client import CollectorRegistry

from producers.http.proxies import TrustedProxies
from producers.http.single_sign_on import MOST_NAME, SingleSignOn
from sandbox.launch.redis_server import RedisServer
from tests.support.browsing import Forms, Visitor
from tests.support.producers import READER, SCRAPER, Shim, event
from workers.core.errors import ConfigError
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

SETTINGS = {
    "http_sso": "X-Auth-Request",
    "http_sso_read_groups": "soc, /tq/read",
    "http_sso_operate_groups": "soc-leads",
}


class Proxied(Visitor):
    """A browser whose requests come through a proxy that says who its user is."""

    def __init__(self, url: str, user: str, groups: str, prefix: str = "X-Auth-Request") -> None:
        super().__init__(url)
        self.http.headers.update({f"{prefix}-User": user, f"{prefix}-Groups": groups})


@pytest.fixture(scope="module")
def entry(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """An entry point that takes users from the proxy at 127.0.0.1."""
    folder = tmp_path_factory.mktemp("sso")
    with Shim(folder, redis_server.url, http_trusted_proxies="127.0.0.1", **SETTINGS) as shim:
        yield shim


def ignored(shim: Shim, reason: str) -> float:
    text = shim.call("GET", "/metrics", token=SCRAPER).text
    count = re.search(rf'^tq_http_sign_on_ignored_total{{reason="{reason}"}} (\S+)$', text, re.MULTILINE)
    return float(count[1]) if count else 0.0


def is_signed_in(answer: requests.Response) -> bool:
    return answer.status_code == 200 and "Sign out" in answer.text


def test_a_user_of_a_group_that_reads_sees_the_page_and_may_change_nothing(
    entry: Shim, redis_url: str
) -> None:
    alice = Proxied(entry.url, "alice", "staff,soc")
    # When a page is opened, without a token
    page = alice.get("/")
    # Then it shows whose it is, and no button; and the form of one is refused
    assert is_signed_in(page)
    assert ">alice<" in page.text
    assert "/queues/events/pause" not in page.text
    csrf = Forms(page.text).found["/sign-out"]["csrf"]
    answer = alice.post("/queues/events/pause", csrf=csrf)
    assert answer.status_code == 403
    assert "the user alice may look but not touch" in answer.text


def test_a_user_of_a_group_that_operates_pauses_a_queue(entry: Shim, redis_url: str) -> None:
    bob = Proxied(entry.url, "bob", "soc-leads")
    page = bob.send("/", "/queues/events/pause")
    assert "The queue events is paused" in page.text
    assert "The queue events goes on" in bob.send("/", "/queues/events/resume").text


def test_a_form_without_the_secret_of_its_session_is_refused(entry: Shim, redis_url: str) -> None:
    # Given two users, both of whom may operate
    bob, eve = (Proxied(entry.url, name, "soc-leads") for name in ("bob", "eve"))
    of_eve = Forms(eve.get("/").text).found["/queues/events/pause"]["csrf"]
    # Then neither none nor the other's secret will do, nor a form of another site
    for csrf in ("", of_eve):
        assert bob.post("/queues/events/pause", csrf=csrf).status_code == 403
    bob.http.headers["Origin"] = "https://elsewhere.example"
    of_bob = Forms(bob.get("/").text).found["/queues/events/pause"]["csrf"]
    assert bob.post("/queues/events/pause", csrf=of_bob).status_code == 403


def test_the_groups_of_each_request_count(entry: Shim, redis_url: str) -> None:
    carol = Proxied(entry.url, "carol", "soc-leads")
    csrf = Forms(carol.get("/").text).found["/sign-out"]["csrf"]
    # When the group is taken away while the page is open
    carol.http.headers["X-Auth-Request-Groups"] = "soc"
    # Then its button does nothing
    assert carol.post("/queues/events/pause", csrf=csrf).status_code == 403


@pytest.mark.parametrize("groups", ["", "staff", "SOC", "soc-lead", "soc soc-leads"])
def test_a_user_of_other_groups_is_told_which_one_is_lacking(
    groups: str, entry: Shim, redis_url: str
) -> None:
    answer = Proxied(entry.url, "dave", groups).get("/")
    assert answer.status_code == 403
    assert "dave is signed in, but in no group" in answer.text
    assert "TQ_HTTP_SSO_READ_GROUPS" in answer.text


def test_a_header_from_an_untrusted_address_is_ignored_counted_and_logged(
    redis_url: str, tmp_path: Path
) -> None:
    # Given a proxy elsewhere
    with Shim(tmp_path, redis_url, http_trusted_proxies="192.0.2.1", **SETTINGS) as shim:
        # When a client names itself, also with the proxy's address in X-Forwarded-For
        for more in ({}, {"X-Forwarded-For": "192.0.2.1"}):
            page = Proxied(shim.url, "mallory", "soc-leads").get("/", **more)
            # Then it is asked for a token
            assert page.url.endswith("/sign-in")
        # And that is counted, and in the log with its address
        assert ignored(shim, "untrusted_address") == 4
    log = (tmp_path / "tq-http-shim.log").read_text()
    assert "ignored the headers of a single sign-on" in log
    assert "last_from='127.0.0.1'" in log


def test_only_the_headers_that_are_set_name_a_user(entry: Shim, redis_url: str) -> None:
    # A proxy that overwrites one pair may let the others through.
    for prefix in ("X-Forwarded", "Remote"):
        assert Proxied(entry.url, "mallory", "soc-leads", prefix).get("/").url.endswith("/sign-in")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (b"X-Auth-Request-User: alice\r\nX-Auth-Request-User: eve\r\n", "header_twice"),
        (b"X-Auth-Request-User: alice\r\nX-Auth-Request-Groups: soc-leads\r\n", "header_twice"),
        (b"X-Auth-Request-User: " + b"a" * (MOST_NAME + 1) + b"\r\n", "no_name"),
        (b"X-Auth-Request-User: \xff\r\n", "no_name"),
        ("X-Auth-Request-User: a\u202eb\r\n".encode(), "no_name"),
    ],
)
def test_headers_that_a_client_may_have_slipped_in_name_no_user(
    headers: bytes, reason: str, entry: Shim, redis_url: str
) -> None:
    before = ignored(entry, reason)
    request = b"GET / HTTP/1.1\r\nHost: tq\r\nX-Auth-Request-Groups: soc\r\n" + headers + b"\r\n"
    status, answer, _ = entry.raw(request)
    assert (status, answer["location"]) == (303, "/sign-in")
    assert ignored(entry, reason) == before + 1


def test_signing_out_ends_the_session_and_leads_to_the_proxy(entry: Shim, redis_url: str) -> None:
    erin = Proxied(entry.url, "erin", "soc-leads")
    csrf = Forms(erin.get("/").text).found["/sign-out"]["csrf"]
    # When the user signs out
    page = erin.post("/sign-out", csrf=csrf)
    # Then the page leads to where the proxy ends its session, and forms of before are void
    assert 'content="0;url=/oauth2/sign_out"' in page.text
    assert erin.post("/queues/events/pause", csrf=csrf).status_code == 403


def test_the_sign_in_leads_on_where_the_proxy_has_signed_in(entry: Shim, redis_url: str) -> None:
    answer = Proxied(entry.url, "alice", "soc").get("/sign-in?next=/jobs")
    assert answer.url == f"{entry.url}/jobs"
    assert is_signed_in(answer)


def test_a_token_still_opens_the_page_and_no_user_opens_the_api(entry: Shim, redis_url: str) -> None:
    assert is_signed_in(Visitor(entry.url).sign_in(READER))
    bob = Proxied(entry.url, "bob", "soc-leads")
    assert bob.get("/metrics").status_code == 401
    assert bob.http.post(f"{entry.url}/v1/events", json=event(1), timeout=30).status_code == 401


def test_without_the_setting_no_header_names_a_user(shim: Shim) -> None:
    assert Proxied(shim.url, "mallory", "soc-leads").get("/").url.endswith("/sign-in")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"http_trusted_proxies": ""}, "TQ_HTTP_TRUSTED_PROXIES"),
        ({"http_sso_read_groups": "", "http_sso_operate_groups": " ,"}, "TQ_HTTP_SSO_READ_GROUPS"),
        ({"http_sso_sign_out": "//elsewhere"}, "TQ_HTTP_SSO_SIGN_OUT"),
        ({"http_sso_sign_out": "javascript:alert(1)"}, "TQ_HTTP_SSO_SIGN_OUT"),
    ],
)
def test_settings_that_cannot_work_name_the_one_to_set(changed: dict[str, str], field: str) -> None:
    settings = convert({"http_trusted_proxies": "10.0.0.5", **SETTINGS} | changed, Settings)
    with pytest.raises(ConfigError, match=field):
        SingleSignOn(settings, TrustedProxies(settings.http_trusted_proxies), CollectorRegistry())
