"""LogRhythm's token goes only where the operator said, whatever ThreatQ's page names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.logrhythm.tokens import mint
from tests.support.operator import Operator
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.errors import ConfigError
from workers.runtime import Runtime
from workers.settings.loading import load
from workers.settings.model import Secret, Settings
from workers.settings.pages import LOGRHYTHM, with_logrhythm_page

pytestmark = pytest.mark.integration

LOCAL = Secret("token-from-local-settings")


def laid_over(page: dict[str, str], **settings: Any) -> Settings:
    return with_logrhythm_page(Settings(**settings), page)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "evil.example", "lr.example.evil.example", "lr.example:8502", "127.0.0.1"]
)
def test_a_local_token_goes_to_no_host_that_only_the_page_names(host: str) -> None:
    with pytest.raises(ConfigError, match=r"goes to no host that a page names; set TQ_LOGRHYTHM_HOSTS="):
        laid_over({"logrhythm_host": host}, logrhythm_token=LOCAL, logrhythm_url="https://lr.example:8501")


@pytest.mark.parametrize("host", ["lr.example", "LR.example:8501", "https://lr.example"])
def test_a_local_token_goes_to_the_local_host_that_the_page_names_too(host: str) -> None:
    settings = laid_over(
        {"logrhythm_host": host}, logrhythm_token=LOCAL, logrhythm_url="https://lr.example:8501"
    )
    assert settings.logrhythm_url == "https://lr.example:8501"


@pytest.mark.parametrize(
    ("host", "port", "is_allowed"),
    [
        ("lr.example", "8501", True),
        # an entry without a port allows every port
        ("lr.example", "443", True),
        ("cloud.example", "443", True),
        ("cloud.example", "8501", False),
        ("fd00::1", "8501", True),
        ("evil.example", "8501", False),
        ("169.254.169.254", "80", False),
    ],
)
@pytest.mark.parametrize("token", ["", "token-of-the-page"])
def test_an_allow_list_holds_for_the_pages_own_token_as_well(
    host: str, port: str, token: str, is_allowed: bool
) -> None:
    page = {"logrhythm_host": host, "logrhythm_port": port, "logrhythm_token": token}
    allowed = {"logrhythm_hosts": "lr.example, cloud.example:443, [fd00::1]", "logrhythm_token": LOCAL}
    if is_allowed:
        assert laid_over(page, **allowed).logrhythm_url
    else:
        with pytest.raises(ConfigError, match=f"names .*{port}, which is not allowed"):
            laid_over(page, **allowed)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "::ffff:169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "0",
    ],
)
def test_the_pages_own_token_goes_to_no_address_of_cloud_metadata(host: str) -> None:
    with pytest.raises(ConfigError, match="no LogRhythm's"):
        laid_over({"logrhythm_host": host, "logrhythm_token": "x"})


@pytest.fixture
def hostile() -> Iterator[SandboxLogRhythm]:
    """A server that only ThreatQ's page names."""
    with running_logrhythm() as sandbox:
        yield sandbox


def name_on_page(threatq: SandboxThreatQ, host: str, **fields: str) -> None:
    custom = {"logrhythm_host": host, "sync_collections": "---\nAll:\n  baseName: x\n", **fields}
    threatq.fill_page("LogRhythm", LOGRHYTHM, is_active=True, custom_fields=custom)


def test_a_worker_sends_the_local_token_to_no_server_that_the_page_names(
    configured: Operator,
    threatq_sandbox: SandboxThreatQ,
    hostile: SandboxLogRhythm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a token in the environment, and a page that names a server
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint())
    name_on_page(threatq_sandbox, hostile.url)

    # when a worker reads what to sync with which LogRhythm
    with pytest.raises(ConfigError, match="TQ_LOGRHYTHM_HOSTS"):
        Runtime(load().settings).sync_settings()

    # then tqctl check says so, and nothing was sent
    lines = json.loads(configured.types("--json", "check").out)
    found = [line["found"] for line in lines if line["what"] == "list sync" and line["state"] == "failed"]
    assert "set TQ_LOGRHYTHM_HOSTS=127.0.0.1" in found[0]
    assert hostile.control("calls", method="GET")["total"] == 0


def test_tqctl_check_says_where_the_token_comes_from_and_goes(
    configured: Operator,
    threatq_sandbox: SandboxThreatQ,
    hostile: SandboxLogRhythm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint())
    monkeypatch.setenv("TQ_LOGRHYTHM_HOSTS", "127.0.0.1")
    name_on_page(threatq_sandbox, hostile.url)

    lines = json.loads(configured.types("--json", "check", "--only", "logrhythm").out)

    found = next(line["found"] for line in lines if line["what"] == "token goes to")
    assert found == (
        f"{hostile.url} (page LogRhythm in ThreatQ); the token is from TQ_LOGRHYTHM_TOKEN; the page may name 127.0.0.1"
    )
