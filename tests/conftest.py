"""What every tier shares: a Redis of our own for the run, empty for each test."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from redis import Redis

from sandbox.launch.redis_server import RedisServer, age
from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.tokens import mint
from sandbox.serving import Site, running
from sandbox.threatq.app import create_app
from sandbox.threatq.model.state import ThreatQ
from tests.support.mappings import ALARM, TRAIL
from tests.support.operator import Operator
from tests.support.otlp import Collector, running_collector
from tests.support.producers import Shim
from tests.support.redis_over_tls import redis_of_this_run
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.sync_stage import Stage
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.threatq.service import ThreatQ as ThreatQService
from workers.threatq.service import connect as connect_threatq

# The same examples in every run, and no deadline: a busy machine is no fault of a parser.
hypothesis_settings.register_profile("ours", derandomize=True, deadline=None)
hypothesis_settings.load_profile("ours")

# A run that was started in the background ignores Ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session", autouse=True)
def throwaway_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what commands remember out of the home folder of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("remembered")))
        yield


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for the whole run, on a free port, in a folder of its own."""
    server = redis_of_this_run(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    with Redis.from_url(redis_server.url) as redis:
        redis.flushall()
        redis.function_flush()
        age(redis)
    return redis_server.url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of an empty Redis."""
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    """A ledger without jobs."""
    return Ledger(redis)


@pytest.fixture
def admin(redis: Redis) -> LedgerAdmin:
    """The operator's view of the same ledger."""
    return LedgerAdmin(redis)


@pytest.fixture(scope="session")
def shim_process(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """One HTTP entry point for the whole run, with limits that a test can reach."""
    shim = Shim(
        tmp_path_factory.mktemp("shim"),
        redis_server.url,
        max_open_jobs="50",
        max_quarantined="20",
        max_payload_bytes="50000",
        http_max_body_bytes="250000",
        http_max_items="50",
    )
    yield shim
    assert shim.stop() == 0


@pytest.fixture
def shim(shim_process: Shim, redis_url: str) -> Shim:
    """The HTTP entry point before an empty ledger."""
    # In a tier with a Redis of its own it would be started for all on that one, whichever test asks first.
    assert shim_process.redis_url == redis_url, "start a Shim of the test's own"
    return shim_process


@pytest.fixture
def operator(
    capsys: pytest.CaptureFixture[str], redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Operator:
    """Types `tqctl` commands; the configuration is the test's Redis and an empty folder."""
    monkeypatch.setenv("TQ_REDIS_URL", redis_url)
    monkeypatch.setenv("TQ_CONFIG", str(tmp_path))
    return Operator(capsys)


@pytest.fixture
def configured(
    operator: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> Operator:
    """An operator whose settings name a ThreatQ too."""
    monkeypatch.setenv("TQ_THREATQ_URL", threatq_sandbox.url)
    monkeypatch.setenv("TQ_THREATQ_CLIENT_ID", threatq_sandbox.client_id)
    monkeypatch.setenv("TQ_THREATQ_EMAIL", threatq_sandbox.email)
    monkeypatch.setenv("TQ_THREATQ_PASSWORD", threatq_sandbox.password)
    return operator


@pytest.fixture
def example_payload() -> dict[str, object]:
    """The payload example of the Events Builder guide."""
    payload: dict[str, object] = json.loads((FIXTURES / "payload-example.json").read_text())
    return payload


@pytest.fixture(scope="session")
def threatq_server() -> Iterator[str]:
    """The address of a simulated ThreatQ that runs for the whole session, on a free port."""
    site = Site("threatq", create_app(ThreatQ()))
    with running(site):
        yield site.url


@pytest.fixture
def threatq_sandbox(threatq_server: str) -> Iterator[SandboxThreatQ]:
    """The simulated ThreatQ, fresh for each test."""
    sandbox = SandboxThreatQ(threatq_server)
    sandbox.reset()
    yield sandbox
    sandbox.control("faults", method="DELETE")
    sandbox.http.close()


@pytest.fixture
def threatq(threatq_sandbox: SandboxThreatQ) -> ThreatQService:
    """Our client of the simulated ThreatQ."""
    return connect_threatq(threatq_sandbox.settings())


@pytest.fixture
def logrhythm_config() -> LogRhythmConfig:
    """How the simulated LogRhythm behaves."""
    return LogRhythmConfig()


@pytest.fixture
def logrhythm_tls() -> Path | None:
    """Where the simulated LogRhythm keeps its certificate; None for plain HTTP."""
    return None


@pytest.fixture
def logrhythm(logrhythm_config: LogRhythmConfig, logrhythm_tls: Path | None) -> Iterator[SandboxLogRhythm]:
    """The simulated LogRhythm, fresh for each test."""
    with running_logrhythm(logrhythm_config, tls=logrhythm_tls) as sandbox:
        yield sandbox


@pytest.fixture
def named_logrhythm(logrhythm: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch) -> SandboxLogRhythm:
    """The simulated LogRhythm; the environment names it, a token and an owner."""
    monkeypatch.setenv("TQ_LOGRHYTHM_URL", logrhythm.url)
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint())
    monkeypatch.setenv("TQ_LOGRHYTHM_OWNER", "ThreatQ Sync")
    return logrhythm


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An OpenTelemetry collector that has been sent nothing yet."""
    with running_collector() as collector:
        yield collector


@pytest.fixture
def stage(
    redis: Redis, redis_url: str, threatq_sandbox: SandboxThreatQ, logrhythm: SandboxLogRhythm, tmp_path: Path
) -> Stage:
    """A worker between both services, and one shared data collection."""
    made = Stage(redis, redis_url, threatq_sandbox, logrhythm, tmp_path / "sync")
    made.share()
    return made


@pytest.fixture
def own_mappings(tmp_path: Path) -> str:
    """A user's folder with two mappings."""
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "acme-alarm.yaml").write_text(ALARM)
    (folder / "acme-trail.yaml").write_text(TRAIL)
    return str(folder)
