"""Where a request comes from is taken from a header only on the word of a proxy that the operator named."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.http.auth import AT_ONCE
from producers.http.proxies import TrustedProxies
from tests.support.browsing import Visitor
from tests.support.producers import READER, SENDER, Shim, event
from workers.core.errors import ConfigError

pytestmark = pytest.mark.integration


def guess(shim: Shim, forwarded: str) -> int:
    """Send a wrong token as from `forwarded`; return the status."""
    return shim.post(
        "/v1/events", event(1), token="guess-guess-guess", headers={"X-Forwarded-For": forwarded}
    ).status_code


def test_without_the_setting_the_header_counts_for_nothing(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url) as shim:
        statuses = [guess(shim, f"192.0.2.{number}") for number in range(AT_ONCE + 1)]
    assert statuses == [401] * AT_ONCE + [503]


def test_behind_a_trusted_proxy_the_nearest_hop_that_is_none_counts(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url, http_trusted_proxies="127.0.0.1, 10.0.0.0/8") as shim:
        # Given a sender that claims another origin each time, behind two proxies
        statuses = [guess(shim, f"198.51.100.{number}, 192.0.2.1, 10.0.0.7") for number in range(AT_ONCE + 1)]
        # Then it is one sender, and its neighbour is another one
        assert statuses == [401] * AT_ONCE + [503]
        assert guess(shim, "192.0.2.2, 10.0.0.7") == 401


def test_a_proxy_that_speaks_tls_makes_cookies_demand_it(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url, http_trusted_proxies="127.0.0.1") as shim:
        answer = Visitor(shim.url).get("/sign-in", **{"X-Forwarded-Proto": "https"})
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_right_token_is_never_locked_out_by_wrong_ones_of_its_address(
    redis_url: str, tmp_path: Path
) -> None:
    with Shim(tmp_path, redis_url) as shim:
        # Given an address from which no sender was let in and too many wrong tokens came
        visitor = Visitor(shim.url)
        assert [visitor.sign_in("guess").status_code for _ in range(AT_ONCE + 1)] == [401] * AT_ONCE + [429]
        # Then a right token opens the page and sends
        assert visitor.sign_in(READER).url == f"{shim.url}/"
        assert shim.post("/v1/events", event(1), token=SENDER).status_code == 202


@pytest.mark.parametrize("setting", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.300"])
def test_what_is_no_address_is_refused_with_the_way_to_write_it(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"http_trusted_proxies.*write 10\.0\.0\.5 or 10\.0\.0\.0/24"):
        TrustedProxies(setting)


def test_an_ipv4_proxy_is_known_at_a_socket_for_both_versions() -> None:
    proxies = TrustedProxies("10.0.0.0/8")
    assert "::ffff:10.1.2.3" in proxies
    assert "::ffff:11.1.2.3" not in proxies
