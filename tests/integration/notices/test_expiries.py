"""What ends some day is told by the process that has it, so that a notice comes before the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from redis import Redis

from producers.http.expiries import tell_expiries
from producers.http.tokens import read_tokens
from sandbox.launch.redis_server import free_port
from sandbox.launch.tls import VALID_DAYS, self_signed
from sandbox.logrhythm.tokens import mint
from tests.support.producers import Shim
from tests.support.sync_stage import COLLECTION, Stage
from tests.support.waiting import until
from workers.ledger.expiries import expiries
from workers.logrhythm.token import DISPLAY_NAME
from workers.notices.situation import ends_here, situation
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration

DAY_S = 86_400
LETTERS = "abcdefghijklmnop"


def days_left(ends_ms: float) -> int:
    return round((ends_ms / 1000 - time.time()) / DAY_S)


def test_the_http_entry_point_tells_when_its_certificate_and_its_next_token_end(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path)["ssl_certfile"]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 9 * DAY_S))
    # Of c there is a newer token, which is the one that counts.
    tokens = read_tokens(
        Secret(
            f"a:read:{LETTERS}1, b:read:{LETTERS}2:2090-01-01, c:read:{LETTERS}3:2020-01-01, c:read:{LETTERS}4:{day}"
        )
    )

    tell_expiries(Settings(redis_url=redis_url, http_tls_cert=certificate), tokens, time.time())

    ends = {name.partition(" on ")[0]: days_left(ends_ms) for name, ends_ms in expiries(redis).items()}
    assert ends["the certificate of the HTTP entry point"] == VALID_DAYS
    assert 9 <= ends["the next token of the HTTP entry point"] <= 10


def test_a_token_that_no_longer_ends_is_forgotten(redis: Redis, redis_url: str) -> None:
    settings = Settings(redis_url=redis_url)
    tell_expiries(settings, read_tokens(Secret(f"a:read:{LETTERS}1:2090-01-01")), time.time())
    tell_expiries(settings, read_tokens(Secret(f"a:read:{LETTERS}1")), time.time())

    assert expiries(redis) == {}


def test_without_redis_the_http_entry_point_starts_all_the_same() -> None:
    away = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")

    assert tell_expiries(away, read_tokens(Secret(f"a:read:{LETTERS}1")), time.time()) is None


def test_a_sync_tells_when_the_token_of_the_page_ends(stage: Stage, redis: Redis) -> None:
    stage.set(logrhythm_token=Secret(mint(valid_s=5 * DAY_S)))

    stage.sync(COLLECTION)

    assert {name: days_left(ends_ms) for name, ends_ms in expiries(redis).items()} == {DISPLAY_NAME: 5}


def test_a_worker_knows_its_own_certificates_and_token(redis: Redis, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)["ssl_certfile"]
    settings = Settings(threatq_ca_file=certificate, logrhythm_token=Secret(mint()))

    seen = {expiry.name for expiry in situation(redis, settings).expiries}

    assert seen == {"ThreatQ's authority", DISPLAY_NAME}
    assert dict(ends_here(Settings(threatq_ca_file=str(tmp_path / "absent.pem")))) == {}


def test_a_running_entry_point_tells_it_by_itself(redis: Redis, tmp_path: Path, redis_url: str) -> None:
    certificate = self_signed(tmp_path)["ssl_certfile"]

    with Shim(tmp_path / "tls", redis_url, http_tls_client_ca=certificate, **tls_of(tmp_path)):
        told = until(lambda: len(ends := expiries(redis)) == 2 and ends)

    assert {name.partition(" on ")[0] for name in told} == {
        "the certificate of the HTTP entry point",
        "the authority of HTTP clients",
    }


def tls_of(folder: Path) -> dict[str, str]:
    return {"http_tls_cert": str(folder / "certificate.pem"), "http_tls_key": str(folder / "key.pem")}
