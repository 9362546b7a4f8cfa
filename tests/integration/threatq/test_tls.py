"""TLS towards ThreatQ: verified by default, with a CA and a client certificate of one's own."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.launch.tls import self_signed
from sandbox.serving import Site, running
from sandbox.threatq.app import create_app
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from sandbox.threatq.model.state import ThreatQ
from workers.core.errors import ConfigError, TqError
from workers.settings.model import Secret, Settings
from workers.threatq.client import Client

pytestmark = pytest.mark.integration

SETTINGS = Settings(
    threatq_client_id=CLIENT_ID,
    threatq_email=EMAIL,
    threatq_password=Secret(PASSWORD),
    threatq_connect_timeout_s=5.0,
)


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    return self_signed(tmp_path)


def names_at(site: Site, **settings: str) -> Any:
    client = Client.from_settings(msgspec.structs.replace(SETTINGS, threatq_url=site.url, **settings))
    try:
        return client.call("GET", "/api/indicator/statuses")["data"]
    finally:
        client.close()


def test_an_unknown_authority_is_refused_with_the_setting_to_correct(tls: dict[str, str]) -> None:
    site = Site("threatq", create_app(ThreatQ()), **tls)
    with running(site), pytest.raises(ConfigError, match="threatq_ca_file"):
        names_at(site)


def test_an_authority_of_ones_own_is_accepted(tls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    site = Site("threatq", create_app(ThreatQ()), **tls)
    with running(site):
        assert names_at(site, threatq_ca_file=tls["ssl_certfile"])


def test_a_client_certificate_is_shown_where_threatq_asks_for_one(
    tls: dict[str, str], tmp_path: Path
) -> None:
    both = tmp_path / "client.pem"
    both.write_text(Path(tls["ssl_certfile"]).read_text() + Path(tls["ssl_keyfile"]).read_text())
    asks = {**tls, "ssl_ca_certs": tls["ssl_certfile"], "ssl_cert_reqs": ssl.CERT_REQUIRED}
    site = Site("threatq", create_app(ThreatQ()), **asks)
    ours = {"threatq_ca_file": tls["ssl_certfile"]}
    with running(site):
        with pytest.raises(TqError):
            names_at(site, **ours)
        assert names_at(site, **ours, threatq_client_cert=str(both))
