"""The documentation's pictures and terminal output, taken from a system that really runs: `make screenshots`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser, sync_playwright

from sandbox.launch.processes import ROOT
from sandbox.launch.redis_server import free_port
from sandbox.launch.system import Rehearsal, System, running_system
from tools.outputs import EXAMPLE, command, print_all
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect

#: Where pictures go.
IMAGES = ROOT / "docs" / "images"

BIN = Path(sys.executable).parent

#: What a SOC's day looks like: names of events, some of them often.
NAMES = (
    "Brute force against vpn.example.com",
    "Suspicious PowerShell on HOST-221",
    "Beacon to update-check.example",
    "Impossible travel of jdoe@example.com",
)


def main() -> None:
    """Start the system, give it work, and take every picture."""
    IMAGES.mkdir(exist_ok=True)
    # Low enough for the guard to hold something of a small collection.
    os.environ["TQ_SYNC_DELETE_MAX_COUNT"] = "100"
    with tempfile.TemporaryDirectory() as folder, running_system(Path(folder), scheduled=False) as system:
        producer, token = start_http(system, Path(folder))
        flower, login = start_flower(system)
        give_work(system, producer, token)
        sync_lists(system)
        print_all(system)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
            )
            take_status_page(browser, producer, token)
            take(browser, "threatq-event.png", event_link(system), height=830)
            take(browser, "logrhythm-lists.png", system.logrhythm, height=700)
            take(
                browser,
                "flower-tasks.png",
                f"{flower}/tasks",
                login=login,
                ready="td:has-text('events.create')",
                height=740,
            )
            browser.close()


def chromium() -> str:
    """Return the browser of this machine."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("no Chromium is installed; apt-get install chromium")
    return path


def start_http(system: System, folder: Path) -> tuple[str, str]:
    """Start the HTTP entry point; return its address and a token that may do everything."""
    token, ready = secrets.token_urlsafe(16), folder / "ready.json"
    system.processes.environ |= {"TQ_HTTP_TOKENS": f"analyst:events+read+operate:{token}"}
    system.processes.start("shim", BIN / "tq-http-shim", "--port", "0", "--ready-file", ready)
    system.processes.wait_until(ready.exists, "the HTTP entry point")
    return str(json.loads(ready.read_text())["url"]), token


def start_flower(system: System) -> tuple[str, tuple[str, str]]:
    """Start Flower; return its address, user and password."""
    login, port = ("admin", secrets.token_urlsafe(9)), free_port()
    system.processes.environ |= {"TQ_FLOWER_BASIC_AUTH": ":".join(login), "TQ_FLOWER_PORT": str(port)}
    system.processes.start("flower", BIN / "tqctl", "flower")
    url = f"http://127.0.0.1:{port}"
    system.processes.wait_until(lambda: _answers(url, login), "Flower")
    return url, login


def _answers(url: str, login: tuple[str, str]) -> bool:
    try:
        return bool(requests.get(f"{url}/api/queues/length", auth=login, timeout=2).json()["active_queues"])
    except (requests.RequestException, ValueError, KeyError):
        return False


def give_work(system: System, producer: str, token: str) -> None:
    """Send payloads, among them some that cannot be done or read, and wait for what becomes of them."""
    head = {"Authorization": f"Bearer {token}"}
    events: list[Any] = [
        {
            "event_name": f"{NAMES[number % 4]} ({number})",
            "event_type": "Sighting",
            "uri_source": f"IP Address:192.0.2.{number}",
        }
        for number in range(1, 60)
    ]
    _behave(system, ["*Impossible travel*(7)*"])
    requests.post(f"{producer}/v1/events", json=events, headers=head, timeout=60).raise_for_status()
    mixed: list[Any] = [{"event_name": "no type", "uri_source": "FQDN:bad.example"}, events[0]]
    requests.post(f"{producer}/v1/events", json=mixed, headers=head, timeout=60).raise_for_status()
    with connect(system.settings.redis_url) as redis:
        admin, until = LedgerAdmin(redis), time.monotonic() + 60
        while sum(admin.open_jobs().values()) and time.monotonic() < until:
            time.sleep(0.1)


def sync_lists(system: System) -> None:
    """Fill LogRhythm's lists, then let so much leave the collection that the guard holds the deletes."""
    command(system, "tq-conn-logrhythm")
    Rehearsal(system.settings, system.ready_file).expire(2)
    command(system, "tq-conn-logrhythm")


def _behave(system: System, poison: list[str]) -> None:
    url = f"{system.settings.threatq_url}/sandbox/behaviour"
    requests.post(url, json={"poison": poison}, timeout=10).raise_for_status()


def event_link(system: System) -> str:
    """Return the page of the event of the guide's payload in the simulated ThreatQ."""
    title = json.loads(EXAMPLE.read_text())["event_name"]
    with connect(system.settings.redis_url) as redis:
        admin = LedgerAdmin(redis)
        return next(
            str(record.result["link"])
            for record in admin.records(admin.ids("done"))
            if record.title == title and record.result.get("link")
        )


def take_status_page(browser: Browser, producer: str, token: str) -> None:
    """Take the status page in both colours, on a phone, and a job's page."""
    for name, scheme, width, height in (
        ("status-light.png", "light", 1200, 794),
        ("status-dark.png", "dark", 1200, 794),
        ("status-phone.png", "light", 390, 812),
    ):
        options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": height}}
        context = browser.new_context(**options)
        page = context.new_page()
        page.goto(producer)
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.locator("#chart").wait_for()
        page.screenshot(path=IMAGES / name)
        if name == "status-light.png":
            page.locator("#dead a, #latest a").first.click()
            page.locator("#history").wait_for()
            page.screenshot(path=IMAGES / "status-job.png")
            page.goto(f"{producer}/syncs")
            page.get_by_role("button", name="Approve").first.click()
            page.get_by_role("status").wait_for()
            page.get_by_text("Some of what would go").nth(1).click()
            page.screenshot(path=IMAGES / "status-pending.png")
        context.close()


def take(
    browser: Browser,
    name: str,
    url: str,
    *,
    login: tuple[str, str] | None = None,
    ready: str = "body",
    height: int,
) -> None:
    """Take the beginning of one page."""
    options: dict[str, Any] = {"viewport": {"width": 1200, "height": height}}
    if login:
        options["http_credentials"] = {"username": login[0], "password": login[1]}
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(url)
    page.locator(ready).first.wait_for()
    page.screenshot(path=IMAGES / name)
    context.close()


if __name__ == "__main__":
    main()
