"""The HTTP entry point over real TLS: its certificate, certificates of its clients, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from sandbox.launch.tls import self_signed
from tests.support.browsing import Forms
from tests.support.producers import READER, TOKEN, Process, Shim

pytestmark = pytest.mark.integration


def files_in(folder: Path) -> tuple[str, str]:
    """Make a certificate that vouches for itself, and its key."""
    folder.mkdir()
    made = self_signed(folder)
    return made["ssl_certfile"], made["ssl_keyfile"]


def test_it_speaks_tls_with_the_certificate_that_it_is_given(tmp_path: Path, redis_url: str) -> None:
    # Given a producer with a certificate
    certificate, key = files_in(tmp_path / "tls")
    shim = Shim(tmp_path, redis_url, http_tls_cert=certificate, http_tls_key=key)
    assert shim.url.startswith("https://")
    # When a sender who trusts it calls, then there is an answer; over plain HTTP there is none
    assert shim.call("GET", "/metrics", verify=certificate).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(shim.url.replace("https", "http"), timeout=10)
    # And the page's cookie never leaves TLS
    with requests.Session() as visitor:
        form = shim.url + "/sign-in"
        hidden = Forms(visitor.get(form, verify=certificate, timeout=10).text).found["/sign-in"]
        page = visitor.post(form, data={**hidden, "token": READER}, verify=certificate, timeout=10)
        assert "Sign out" in page.text
        assert {cookie.name: cookie.secure for cookie in visitor.cookies}["__Host-tq"] is True
        assert page.headers["Strict-Transport-Security"]
        # And a client that keeps its connection does not keep the producer from closing
        assert shim.stop() == 0


def test_a_client_without_a_certificate_of_the_authority_is_not_even_heard(
    tmp_path: Path, redis_url: str
) -> None:
    # Given a producer that wants to see a certificate
    certificate, key = files_in(tmp_path / "tls")
    client = files_in(tmp_path / "client")
    stranger = files_in(tmp_path / "stranger")
    shim = Shim(
        tmp_path, redis_url, http_tls_cert=certificate, http_tls_key=key, http_tls_client_ca=client[0]
    )
    # When clients call with none, with a foreign one, and with the right one
    for shown in (None, stranger):
        with pytest.raises(requests.ConnectionError):
            shim.call("GET", "/healthz", verify=certificate, cert=shown)
    # Then the right one is heard, and still needs its token
    assert shim.call("GET", "/metrics", verify=certificate, cert=client).status_code == 200
    assert shim.call("GET", "/metrics", token="open", verify=certificate, cert=client).status_code == 401
    assert shim.stop() == 0


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"TQ_HTTP_TLS_CERT": "/nowhere.pem"}, "is not a file"),
        ({"TQ_HTTP_TLS_CERT": "{cert}"}, "the key without a passphrase"),
        (
            {"TQ_HTTP_TLS_CERT": "{cert}", "TQ_HTTP_TLS_KEY": "{key}", "TQ_HTTP_TLS_CLIENT_CA": "{key}"},
            "in PEM",
        ),
        ({"TQ_HTTP_TLS_CLIENT_CA": "{cert}"}, "TQ_HTTP_TLS_CERT"),
    ],
)
def test_files_that_cannot_be_used_are_named_at_the_start(
    tmp_path: Path, settings: dict[str, str], remedy: str
) -> None:
    certificate, key = files_in(tmp_path / "tls")
    environ = {name: value.format(cert=certificate, key=key) for name, value in settings.items()}
    process = Process("tq-http-shim", tmp_path, {"TQ_HTTP_TOKENS": TOKEN, **environ}, "--port", "0")
    assert process.process.wait(timeout=30) == 2
    assert remedy in (tmp_path / "tq-http-shim.log").read_text()
