"""The connectors' pages in ThreatQ's UI, laid over the settings."""

from __future__ import annotations

import pytest

from workers.core.errors import ConfigError
from workers.settings.model import Settings
from workers.settings.pages import with_logrhythm_page


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("lr.example", "443", "https://lr.example:443"),
        # neither names a port: that of the API gateway
        ("lr.example", "", "https://lr.example:8501"),
        # the host's own port counts
        ("lr.example:9000", "8501", "https://lr.example:9000"),
        ("https://[fd00::1]:9000/x", "8501", "https://[fd00::1]:9000/x"),
        # as a browser's address line gives it
        ("https://lr.example/", "443", "https://lr.example:443"),
        ("https://lr.example/proxy", "443", "https://lr.example:443/proxy"),
        # IPv6, with and without brackets
        ("fd00::1", "443", "https://[fd00::1]:443"),
        ("[fd00::1]", "443", "https://[fd00::1]:443"),
    ],
)
def test_host_and_port_of_logrhythms_page_become_one_url(host: str, port: str, url: str) -> None:
    shown = {"logrhythm_host": host, "logrhythm_port": port}
    assert with_logrhythm_page(Settings(), shown).logrhythm_url == url


@pytest.mark.parametrize(
    ("host", "port"), [("lr.example", "85o1"), ("lr.example", "0"), ("not a host", "443")]
)
def test_a_host_or_port_that_cannot_be_read_is_named_with_its_page(host: str, port: str) -> None:
    shown = {"logrhythm_host": host, "logrhythm_port": port}
    with pytest.raises(ConfigError, match="from the page LogRhythm in ThreatQ"):
        with_logrhythm_page(Settings(), shown)
