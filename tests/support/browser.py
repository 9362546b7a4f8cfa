"""Debian's Chromium, driven by Playwright, with nothing fetched and nothing kept from one test to the next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

#: As root in a container, without a graphics card, and without anything that speaks to the outside by itself.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: Names under which distributions install it.
NAMES = ("chromium", "chromium-browser", "google-chrome")

#: Milliseconds that a page gets for anything; a busy machine is no fault of the page.
WITHIN_MS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; without one the test is skipped on a person's machine and fails in CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"no Chromium is installed ({', '.join(NAMES)}); apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        yield browser
        browser.close()


def sign_in(page: Page, url: str, token: str) -> None:
    """Sign in as a person would."""
    page.goto(url)
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def is_wider_than_the_window(page: Page) -> bool:
    """Tell whether a user would have to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
