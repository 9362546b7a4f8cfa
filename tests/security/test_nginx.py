"""The files of deploy/nginx/ in Debian's nginx: users through a single sign-on, senders with their tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.support.browsing import Forms, Visitor
from tests.support.nginx import nginx
from tests.support.producers import TOKEN, Shim, event
from tests.support.scripted import Answer, Asked, scripted

pytestmark = pytest.mark.integration

#: The groups of each user whom the stand-in knows; its cookie names the user.
GROUPS = {"alice": "staff,soc", "bob": "soc,soc-leads", "carol": "staff"}

COOKIE = "signed-in"


class Provider(Struct, frozen=True):
    """How a single sign-on differs from the other one: its file, its port there, its headers and its pages."""

    file: str
    address: str
    prefix: str
    check: str
    sign_in: str
    sign_out: str


OAUTH2_PROXY = Provider(
    "oauth2-proxy.conf",
    "127.0.0.1:4180",
    "X-Auth-Request",
    "/oauth2/auth",
    "/oauth2/sign_in",
    "/oauth2/sign_out",
)
AUTHELIA = Provider(
    "authelia.conf",
    "127.0.0.1:9091",
    "Remote",
    "/api/authz/auth-request",
    "https://auth.example.com/?rd=",
    "https://auth.example.com/logout",
)


def stand_in(provider: Provider, asked: Asked) -> Answer:
    """Answer as the provider does: who the cookie's user is, or 401."""
    if asked.path != provider.check:
        return Answer({"page": asked.path})
    user = asked.headers.get("Cookie", "").removeprefix(f"{COOKIE}=")
    if user not in GROUPS:
        return Answer(status=401, headers={"Location": provider.sign_in})
    return Answer(
        status=202, headers={f"{provider.prefix}-User": user, f"{provider.prefix}-Groups": GROUPS[user]}
    )


class Site(Struct, frozen=True):
    """The entry point behind nginx and a provider."""

    provider: Provider
    url: str
    certificate: str

    def browser(self, user: str = "") -> Visitor:
        """Return a browser, in which `user` has signed in with the provider."""
        visitor = Visitor(self.url)
        # The environment may name other authorities, which would win.
        visitor.http.verify, visitor.http.trust_env = self.certificate, False
        if user:
            visitor.http.cookies.set(COOKIE, user)
        return visitor


@pytest.fixture(params=[OAUTH2_PROXY, AUTHELIA], ids=lambda provider: provider.file)
def site(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[Site]:
    provider: Provider = request.param
    settings = {
        "http_trusted_proxies": "127.0.0.1",
        "http_behind_tls": "true",
        "http_sso": provider.prefix,
        "http_sso_read_groups": "soc",
        "http_sso_operate_groups": "soc-leads",
        "http_sso_sign_out": provider.sign_out,
    }
    with (
        scripted(lambda asked: stand_in(provider, asked)) as service,
        Shim(tmp_path / "shim", redis_url, **settings) as shim,
        nginx(
            tmp_path,
            provider.file,
            {
                provider.address: service.url.removeprefix("http://"),
                "127.0.0.1:8070": f"127.0.0.1:{shim.port}",
            },
        ) as url,
    ):
        yield Site(provider, url, str(tmp_path / "certificate.pem"))


def test_users_and_senders_get_through_nginx_as_far_as_they_may(site: Site) -> None:
    # A browser that is signed in nowhere is sent to the provider, whatever it says of itself
    forged = {f"{site.provider.prefix}-User": "bob", f"{site.provider.prefix}-Groups": "soc-leads"}
    for headers in ({}, forged):
        answer = site.browser().http.get(site.url, headers=headers, allow_redirects=False, timeout=30)
        assert answer.status_code == 302
        assert answer.headers["Location"].removeprefix(site.url).startswith(site.provider.sign_in)

    # A user of a group that reads sees the page and may press nothing, also one that claims another group
    alice = site.browser("alice")
    page = alice.get("/", **forged)
    assert ">alice<" in page.text
    csrf = Forms(page.text).found["/sign-out"]["csrf"]
    assert alice.post("/queues/events/pause", csrf=csrf).status_code == 403

    # One of a group that operates pauses a queue
    assert "The queue events is paused" in site.browser("bob").send("/", "/queues/events/pause").text

    # One of neither is told so
    assert "carol is signed in, but in no group" in site.browser("carol").get("/").text

    # A sender needs its token, and nothing of the provider
    sent = {"url": f"{site.url}/v1/events", "json": event(1), "timeout": 30, "verify": site.certificate}
    sender = site.browser().http
    assert sender.post(**sent, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 202
    assert sender.post(**sent, headers=forged).status_code == 401
    assert sender.get(f"{site.url}/healthz", timeout=30).status_code == 200

    # Signing out leads to where the provider ends its session
    left = site.browser("bob").send("/", "/sign-out")
    assert f'content="0;url={site.provider.sign_out}"' in left.text
