"""A real worker and a real beat, as processes, for the whole run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from redis import Redis

from chaos.faults.upgrade import unpack_previous
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer, age
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from tests.support.browser import chromium
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.errors import TqError

#: Runs one of our commands with arguments, and text for its standard input.
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(redis_url: str, threatq_url: str) -> dict[str, str]:
    """The settings of a system by environment alone."""
    return {
        "TQ_REDIS_URL": redis_url,
        "TQ_THREATQ_URL": threatq_url,
        "TQ_THREATQ_CLIENT_ID": CLIENT_ID,
        "TQ_THREATQ_EMAIL": EMAIL,
        "TQ_THREATQ_PASSWORD": PASSWORD,
        "TQ_SETTINGS_FROM": "local",
        "TQ_PRIVATE_IPS": "10.0.0.0/8",
    }


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the version before, as git has it."""
    try:
        return unpack_previous(tmp_path_factory.mktemp("previous"))
    except TqError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The crew's Redis, which no other test uses, since a worker takes whatever it finds there."""
    server = RedisServer(tmp_path_factory.mktemp("crew-redis")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def quiet_redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The Redis of tests that start workers of their own."""
    server = RedisServer(tmp_path_factory.mktemp("quiet-redis")).start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty Redis: that of the crew where a test uses the crew, else one without workers."""
    with_crew = {"crew", "working", "redis_server"} & set(request.fixturenames)
    server: RedisServer = request.getfixturevalue("redis_server" if with_crew else "quiet_redis_server")
    with Redis.from_url(server.url) as redis:
        redis.flushall()
        # What a worker of an earlier test has loaded is not among the keys.
        redis.function_flush()
        age(redis)
    return server.url


@pytest.fixture(scope="package")
def crew(
    redis_server: RedisServer, threatq_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    """One worker for every queue, and beat; they end with this tier, since they call ThreatQ unasked."""
    folder = tmp_path_factory.mktemp("crew")
    with Processes(folder, environment(redis_server.url, threatq_server)) as processes:
        processes.worker("worker", "events", "enrichment", "sync", "upkeep")
        processes.beat()
        log = folder / "worker.log"
        processes.wait_until(lambda: " ready." in log.read_text(), "the worker")
        yield processes


@pytest.fixture
def working(crew: Processes, threatq_sandbox: SandboxThreatQ, redis_url: str) -> Processes:
    """The running system, with an empty ledger and a fresh ThreatQ."""
    crew.check()
    return crew


@pytest.fixture
def command(redis_url: str, threatq_server: str, tmp_path: Path) -> Command:
    """Run one of our executables as a person would, with an empty configuration folder."""

    def run(name: str, *arguments: str, text: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name(name), *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            env={
                **os.environ,
                **environment(redis_url, threatq_server),
                "TQ_CONFIG": str(tmp_path),
                **environ,
            },
            cwd=tmp_path,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium; Playwright keeps an event loop, so that it may live no longer than this module."""
    with chromium() as started:
        yield started
