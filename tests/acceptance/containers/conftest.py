"""The whole compose file, running in containers: made once, by `make compose-test`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import PORTS, Composed, wait_until_healthy
from tests.support.sandbox_threatq import SandboxThreatQ
from tools.images import container_engine


@pytest.fixture(scope="session")
def engine() -> str:
    """Docker or Podman, with our images."""
    if "COMPOSE_TEST" not in os.environ:
        pytest.skip("runs the whole system in containers, which `make images compose-test` does")
    found = container_engine()
    assert found is not None, "neither Docker nor Podman answers here"
    return found


@pytest.fixture(scope="session")
def system(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The rehearsal of the guide with four workers for events; every part is healthy."""
    composed = Composed(tmp_path_factory.mktemp("compose"), engine)
    composed.down()
    try:
        # Podman without systemd does not wait for what a part depends on to be healthy
        composed.up("redis", "sandbox")
        wait_until_healthy(composed)
        composed.up()
        wait_until_healthy(composed)
        yield composed
    finally:
        composed.down()


@pytest.fixture(scope="session")
def composed_threatq(system: Composed, tmp_path_factory: pytest.TempPathFactory) -> SandboxThreatQ:
    """The simulated ThreatQ at its published port."""
    certificate: Path = tmp_path_factory.mktemp("threatq") / "certificate.pem"
    certificate.write_text(
        system.inside(*system.containers("sandbox"), "cat", "/var/lib/tq-sandbox/certificate.pem")
    )
    sandbox = SandboxThreatQ(f"https://localhost:{PORTS['THREATQ']}")
    sandbox.http.verify = str(certificate)
    return sandbox
