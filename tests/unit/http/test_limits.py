"""Token buckets of the HTTP entry point."""

from __future__ import annotations

import pytest

from producers.http import auth
from producers.http.auth import Buckets, network_of


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_what_flows_in() -> None:
    # Given two at once and one more every two seconds
    clock = Clock()
    buckets = Buckets(per_s=0.5, burst=2, clock=clock)
    # When three come at once, then the third waits its two seconds
    assert [buckets.take("one") for _ in range(3)] == [0, 0, 2]
    clock.now = 1.5
    assert buckets.take("one") == pytest.approx(0.5)
    clock.now = 2.0
    assert buckets.take("one") == 0


def test_one_name_takes_nothing_from_another() -> None:
    buckets = Buckets(per_s=1, burst=1, clock=Clock())
    assert [buckets.take(name) for name in ("one", "two", "one")] == [0, 0, 1]


def test_only_so_many_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MOST_NAMES", 2)
    buckets = Buckets(per_s=1, burst=1, clock=Clock())
    for name in ("one", "two", "three"):
        buckets.take(name)
    assert buckets.take("three") == 1
    assert buckets.take("one") == 0


def test_a_host_with_many_ipv6_addresses_is_one_sender() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
    assert network_of("testclient") == "testclient"


def test_ipv4_hosts_at_a_socket_for_both_versions_are_senders_of_their_own() -> None:
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
