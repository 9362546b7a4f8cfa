"""TLS handshakes that do not end are counted like connections, and given up after seconds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox.launch.tls import self_signed
from tests.support.crowd import crowd, is_closed
from tests.support.producers import SCRAPER, Shim, event
from tests.support.waiting import until

pytestmark = pytest.mark.integration

#: What a client sends of its handshake, by name; a record announces 512 bytes.
UNFINISHED = {"nothing": b"", "half a record": b"\x16\x03\x01\x02\x00\x01"}


class TlsShim(Shim):
    """`tq-http-shim` with a certificate that vouches for itself."""

    def __init__(self, folder: Path, redis_url: str, **settings: str) -> None:
        made = self_signed(folder)
        self.certificate = made["ssl_certfile"]
        super().__init__(
            folder, redis_url, http_tls_cert=self.certificate, http_tls_key=made["ssl_keyfile"], **settings
        )

    def sends(self, number: int) -> int:
        """Send an event over a new connection; returns the status."""
        return self.post("/v1/events", event(number), verify=self.certificate).status_code

    def metric(self, name: str) -> float:
        """Return a number of the metrics; 0 for what has not been counted."""
        text = self.call("GET", "/metrics", token=SCRAPER, verify=self.certificate).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def closed(self, reason: str) -> float:
        """Return how many connections it has closed for a reason."""
        return self.metric(f'tq_http_connections_closed_total{{reason="{reason}"}}')


@pytest.mark.parametrize("kind", UNFINISHED)
def test_handshakes_that_do_not_end_are_given_up_and_refuse_no_sender(
    kind: str, tmp_path: Path, redis_url: str
) -> None:
    with TlsShim(tmp_path, redis_url) as shim:
        # Given 200 connections that never finish their handshake
        with crowd(shim.port, 200, UNFINISHED[kind]) as links:
            # When a sender sends
            statuses = {shim.sends(number) for number in range(10)}
            # Then all of it is accepted, and each of those connections is closed
            assert statuses == {202}
            assert all(is_closed(link) for link in links)
        # And the metric counts them; nothing of them is left
        assert shim.closed("slow_handshake") == 200
        until(lambda: shim.metric("tq_http_connections") == 1)
    # And the log says so, once and not for each
    log = (tmp_path / "tq-http-shim.log").read_text()
    assert 1 <= log.count("reason='slow_handshake'") <= 3
    assert "level='error'" not in log


def test_a_handshake_counts_among_the_connections_of_its_address(tmp_path: Path, redis_url: str) -> None:
    # Given room for ten connections of one address
    with (
        TlsShim(tmp_path, redis_url, http_max_connections_per_address="10") as shim,
        # When an eleventh begins its handshake
        crowd(shim.port, 11, address="127.0.0.3") as links,
    ):
        # Then the oldest makes room, and another address notices nothing
        assert is_closed(links[0])
        assert shim.closed("too_many_of_address") == 1
        assert shim.sends(1) == 202


def test_a_handshake_counts_among_all_connections(tmp_path: Path, redis_url: str) -> None:
    with TlsShim(tmp_path, redis_url, http_max_connections="20") as shim, crowd(shim.port, 30) as links:
        assert is_closed(links[0])
        assert shim.sends(1) == 202
        assert shim.closed("too_many") >= 10


def test_a_handshake_under_way_does_not_keep_the_entry_point_from_stopping(
    tmp_path: Path, redis_url: str
) -> None:
    with TlsShim(tmp_path, redis_url) as shim, crowd(shim.port, 3) as links:
        until(lambda: shim.metric("tq_http_connections") == 4)
        assert shim.stop() == 0
        assert all(is_closed(link) for link in links)
    assert "Traceback" not in (tmp_path / "tq-http-shim.log").read_text()


def test_plain_http_on_the_tls_port_ends_its_own_connection_alone(tmp_path: Path, redis_url: str) -> None:
    with TlsShim(tmp_path, redis_url) as shim:
        with crowd(shim.port, 5, b"GET /healthz HTTP/1.1\r\n\r\n") as links:
            assert all(is_closed(link) for link in links)
        assert shim.sends(1) == 202
        assert shim.closed("slow_handshake") == 0
