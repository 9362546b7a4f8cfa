"""TLS never fails open: a server that is not verified is refused, or the operator is told in each run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from producers.smart_response import main
from producers.smart_response.commands import ACTIONS
from producers.smart_response.redis_client import read_url
from sandbox.launch.tls import tls_front
from tests.support.operator import Operator
from workers.core.errors import ConfigError
from workers.ledger.admin import LedgerAdmin
from workers.settings.loading import load

pytestmark = pytest.mark.integration

LOOKUP = ["FQDN", "bad.example", "--no-wait"]


@pytest.fixture
def tls_port(redis_url: str, tmp_path: Path) -> Iterator[int]:
    """The port of a TLS proxy before the tests' Redis; no authority of this machine signed its certificate."""
    with tls_front(tmp_path, int(urlsplit(redis_url).port or 0)) as (port, _):
        yield port


def stub(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> int:
    """Run a Smart Response command with `url`; what it cannot send goes into `folder`."""
    monkeypatch.setenv("TQ_REDIS_URL", url)
    monkeypatch.setenv("TQ_SPOOL_DIR", str(folder / "spool"))
    return main.run(ACTIONS["tq-lookup"], LOOKUP)


@pytest.mark.parametrize(
    "query",
    [
        # redis-py knows none of these words
        "ssl_cert_reqs=requierd",
        "ssl_cert_reqs=None",
        "ssl_cert_reqs=CERT_NONE",
    ],
)
def test_a_word_that_is_not_defined_is_refused_and_sends_nothing(
    query: str,
    tls_port: int,
    admin: LedgerAdmin,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # when
    code = stub(monkeypatch, tmp_path, f"rediss://127.0.0.1:{tls_port}/0?{query}")

    # then
    assert code == 2
    assert f"{query} (from TQ_REDIS_URL) is not accepted" in capsys.readouterr().out
    assert admin.open_jobs()["enrichment"] == 0
    with pytest.raises(ConfigError, match="is not accepted; give ssl_cert_reqs=required"):
        load(tmp_path, {"TQ_INGEST_REDIS_URL": f"rediss://redis.example?{query}"})


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?ssl_cert_reqs=",
        # to a client the same as required
        "?ssl_cert_reqs=optional",
        # redis-py takes the first of two
        "?ssl_cert_reqs=required&ssl_cert_reqs=none",
        # true, by the rule of redis-py
        "?ssl_check_hostname=yes",
    ],
)
def test_a_server_that_no_authority_signed_gets_no_password_and_no_job(
    query: str,
    tls_port: int,
    admin: LedgerAdmin,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = stub(monkeypatch, tmp_path, f"rediss://127.0.0.1:{tls_port}/0{query}")

    assert code == 3
    assert "certificate verify failed" in capsys.readouterr().out
    assert admin.open_jobs()["enrichment"] == 0


@pytest.mark.parametrize(
    "query", ["ssl_cert_reqs=none", "ssl_check_hostname=F", "ssl_cert_reqs=%6eone", "ssl%5Fcert_reqs=none"]
)
def test_verification_that_is_switched_off_is_told_in_each_run_of_a_stub(
    query: str,
    tls_port: int,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(2):
        stub(monkeypatch, tmp_path, f"rediss://127.0.0.1:{tls_port}/0?{query}")

        assert "another machine on the way can pose as Redis" in capsys.readouterr().err


def test_verification_that_is_switched_off_is_told_in_each_run_of_tqctl(
    operator: Operator, tls_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", f"rediss://127.0.0.1:{tls_port}/0?ssl_cert_reqs=none")

    run = operator.types("status")

    assert "warning: redis_url: the Redis URL says ssl_cert_reqs=none" in run.err


def test_the_bridges_own_redis_is_told_of_too(tmp_path: Path) -> None:
    url = "rediss://redis.example/0?ssl_check_hostname=0"

    (warning,) = load(tmp_path, {"TQ_INGEST_REDIS_URL": url}).warnings

    assert warning.startswith("ingest_redis_url: the Redis URL says ssl_check_hostname=0")


def test_a_verified_redis_is_read_without_a_library() -> None:
    for query in ("ssl_cert_reqs=required", "ssl_check_hostname=true", "ssl_ca_certs=/etc/ca.pem"):
        assert read_url(f"rediss://redis.example/0?{query}")
