"""The support bundle of a system with secrets planted everywhere: none of them is in it, nor where it is made of."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import dead
from workers.settings import file as settings_file

pytestmark = pytest.mark.acceptance

#: The password of Redis' user, with what URLs and JSON escape.
REDIS_PASSWORD = 'r3dis"pw%zz'

#: Where each secret is planted.
ENVIRONMENT = {
    "TQ_LOGRHYTHM_TOKEN": "eyJhbGciOiJIUzI1NiJ9.eyJ1aWQiOjEyfQ.c2VjcmV0LXNpZw",
    "TQ_HTTP_TOKENS": "nifi:events:shim-token-of-nifi-4711",
    "TQ_FLOWER_BASIC_AUTH": "admin:flower-pw-0815",
    "AWS_SECRET_ACCESS_KEY": "somebody-elses-aws-key",
    "TQ_THREATQ_PROXY": "http://proxyuser:proxy-pw-99@127.0.0.1:9",
}
FILE = {"threatq_client_secret": "client-secret-in-the-file"}
LOG = {
    "old.log": '{"event": "login", "password": "pw-in-an-old-log"}\nAuthorization: Bearer token-in-an-old-log\n'
    "GET https://me:pw-in-a-logged-url@threatq/ x-api-key=key-in-an-old-log\n"
}
REASON = "ThreatQ refuses token=token-in-a-reason for https://u:pw-in-a-reason@host/"
ARGUMENTS = {"payload": {"event_name": "x", "api_key": "key-in-a-payload"}}

PLANTED = (
    "c2VjcmV0LXNpZw",
    "shim-token-of-nifi-4711",
    "flower-pw-0815",
    "somebody-elses-aws-key",
    "proxy-pw-99",
    "client-secret-in-the-file",
    "pw-in-an-old-log",
    "token-in-an-old-log",
    "pw-in-a-logged-url",
    "key-in-an-old-log",
    "token-in-a-reason",
    "pw-in-a-reason",
    "key-in-a-payload",
    "r3dis",
    PASSWORD,
)


@pytest.fixture
def locked_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of its own that asks for a password."""
    server = RedisServer(tmp_path / "redis").start()
    with Redis.from_url(server.url) as redis:
        redis.config_set("requirepass", REDIS_PASSWORD)
    yield server
    server.stop()


def found_in(text: str) -> list[str]:
    return [secret for secret in PLANTED if secret in text]


def everything(redis: Redis) -> str:
    """All that Redis holds, keys and values, as text."""
    parts = []
    for key in redis.scan_iter():
        kind = redis.type(key)
        read = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"zset": lambda key: redis.zrange(key, 0, -1),
            b"set": redis.smembers,
            b"list": lambda key: redis.lrange(key, 0, -1),
            b"stream": redis.xrange,
        }[kind]
        parts.append(f"{key!r} {read(key)!r}")
    return "\n".join(parts)


def test_no_secret_is_in_the_bundle_the_logs_or_redis(
    locked_redis: RedisServer, threatq_server: str, tmp_path: Path
) -> None:
    # given a system with secrets everywhere
    config, logs = tmp_path / "config", tmp_path / "logs"
    url = f"redis://:r3dis%22pw%25zz@127.0.0.1:{locked_redis.port}/0"
    _plant(config, logs, redis_url=url, threatq_url=threatq_server)
    environ = {**os.environ, **ENVIRONMENT, "TQ_CONFIG": str(config)}
    environ.pop("TQ_THREATQ_PROXY")

    with connect(url) as redis, Processes(tmp_path / "output", environ) as processes:
        # and a job that died, and one that waits because ThreatQ refuses our secret
        ledger, admin = Ledger(redis), LedgerAdmin(redis)
        _bury(ledger)
        processes.worker("one", "enrichment", "upkeep", threads=1)
        processes.beat()
        lookup = Job("indicators.lookup", {"type": "FQDN", "value": "bad.example"}, producer="stub")
        (accepted,) = ledger.accept([lookup])
        assert admin.outcome(accepted.id, wait_s=30) is not None

        # when
        environ["TQ_THREATQ_PROXY"] = ENVIRONMENT["TQ_THREATQ_PROXY"]
        out = tmp_path / "bundle.tar.gz"
        done = _bundle("--out", str(out), env=environ)
        assert done.returncode == 0, done.stderr
        written = everything(redis)
        until((logs / "tq-worker-one.log").exists)

    # then
    files = _unpacked(out)
    assert {
        "check.json",
        "status.json",
        "config.json",
        "dead.json",
        "logs/0/tq-worker-one.log",
    } <= files.keys()
    for name, text in files.items():
        assert found_in(text) == [], name
    assert "client_id" in files["config.json"]
    assert json.loads(files["dead.json"])[0]["reason"].startswith("ThreatQ refuses")
    assert found_in(done.stdout + done.stderr) == []
    for file in [*logs.glob("tq-*.log"), *(tmp_path / "output").glob("*.log")]:
        assert found_in(file.read_text()) == [], file
    # What a payload and a refusal said stays in their record; our own secrets are nowhere in Redis.
    ours = [secret for secret in found_in(written) if not secret.endswith(("-a-reason", "-a-payload"))]
    assert ours == []


def test_with_everything_away_a_bundle_is_written_all_the_same(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TQ_REDIS_URL": "redis://:pw-of-redis@127.0.0.1:1/0",
    }
    # A log that cannot be read: a folder, since root may read any file.
    (tmp_path / "logs" / "tq-beat.log").mkdir(parents=True)
    done = _bundle("--logs", "logs", env=environ, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (out,) = tmp_path.glob("tq-support-*.tar.gz")
    assert out.stat().st_mode & 0o777 == 0o600
    files = _unpacked(out)
    assert "cannot be reached" in json.loads(files["status.json"])["not_found_out"]
    assert files["logs/0/tq-beat.log"].startswith("cannot be read: ")
    assert "pw-of-redis" not in "".join(files.values())


def _plant(config: Path, logs: Path, **addresses: str) -> None:
    logs.mkdir()
    for name, text in LOG.items():
        (logs / name).write_text(text)
    settings_file.write(
        config / "tq.yaml",
        {
            **FILE,
            **addresses,
            "threatq_client_id": CLIENT_ID,
            "threatq_email": EMAIL,
            "threatq_password": PASSWORD,
            "settings_from": "local",
            "log_location": str(logs),
            "log_verbosity": "3",
        },
    )


def _bundle(*options: str, env: dict[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tqctl")), "support-bundle", *options]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def _bury(ledger: Ledger) -> None:
    ledger.accept([Job("events.create", ARGUMENTS, producer="cli", title="x")])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([dead(claim, REASON)])


def _unpacked(file: Path) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(file.read_bytes())) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        texts = {member.name: archive.extractfile(member) for member in members}
        return {
            name.removeprefix("tq-support/"): text.read().decode() for name, text in texts.items() if text
        }
