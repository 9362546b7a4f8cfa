"""Every page of the status page as axe-core sees it, wide and on a phone, light and dark. SCREENS=FOLDER keeps them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page
from redis import Redis

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from tests.support.axe import violations
from tests.support.browser import WITHIN_MS, is_wider_than_the_window, sign_in
from tests.support.producers import OPERATOR, Shim, event
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.core.sync_report import ListResult, RunResult
from workers.ledger import sync_keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.sync_approvals import PendingDelete
from workers.ledger.sync_runs import keep_result

pytestmark = pytest.mark.acceptance

#: Widths in pixels of a phone and of a wide screen.
WIDTHS = (390, 1440)


@pytest.fixture(scope="module")
def entry(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """The HTTP entry point beside the worker."""
    with Shim(tmp_path_factory.mktemp("accessible"), redis_server.url) as shim:
        yield shim


@pytest.fixture
def paths(
    working: Processes,
    entry: Shim,
    admin: LedgerAdmin,
    redis: Redis,
    threatq_sandbox: SandboxThreatQ,
) -> list[str]:
    """A system with something on every page: jobs of each state, a pause, a sync, deletes, an item that is no JSON."""
    threatq_sandbox.behave(poison=["event 2"])
    ids = [entry.post("/v1/events", event(number)).json()["id"] for number in (1, 2, 3)]
    until(lambda: len(admin.ids("done")) == 2 and admin.ids("dead"), within_s=30)
    (item,) = Quarantine(redis).keep([Unreadable("http", "nifi", "not_json", "no JSON", b"{")])
    pending = PendingDelete(
        "aa11", "Very High", "TQ FQDN", 2000, 5000, "40 % of the list", ("bad.example",), 1
    )
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    lists = (ListResult(name="TQ FQDN", now=10, adds=1234, deletes=5, after=1239),)
    run = RunResult(
        job="a" * 24, collection="Very High", status="done", method="full", plan="", began_ms=0, seconds=2,
        declared=9, read=9, lists=lists,
    )  # fmt: skip
    keep_result(redis, run)
    admin.pause("enrichment", reason="ThreatQ is being upgraded")
    entry.post("/v1/actions/lookup", {"type": "FQDN", "value": "bad.example"})
    return [
        "/", "/jobs", "/jobs?list=all&entry=http", "/jobs?list=dead", "/jobs?list=done", "/jobs?q=event", "/syncs",
        "/quarantine", f"/quarantine/{item}", *(f"/jobs/{job_id}" for job_id in ids[:2]), "/jobs/none",
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_keeps_people_out(
    browser: Browser, entry: Shim, paths: list[str], scheme: Any, width: int
) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        context.set_default_timeout(WITHIN_MS)
        page = context.new_page()
        page.goto(f"{entry.url}/sign-in")
        wrong = checked(page, "/sign-in", f"{width}-{scheme}")
        sign_in(page, entry.url, OPERATOR)
        for path in paths:
            page.goto(entry.url + path)
            for summary in page.locator("summary").all():
                if summary.is_visible():
                    summary.click()
            wrong += checked(page, path, f"{width}-{scheme}")
            assert not is_wider_than_the_window(page), path
    assert wrong == []


def checked(page: Page, path: str, name: str) -> list[str]:
    """Return what is wrong with the page that is shown, and keep a picture of it where that is asked for."""
    if folder := os.environ.get("SCREENS"):
        file = "".join(letter if letter.isalnum() else "_" for letter in path)[:40]
        page.screenshot(path=Path(folder) / f"{name}{file}.png", full_page=True)
    return [f"{path} {violation}" for violation in violations(page)]
