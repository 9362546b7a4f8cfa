"""The documentation as a site: it builds without a warning and loads nothing from anywhere else."""

from __future__ import annotations

import functools
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.browser import WITHIN_MS, chromium
from tests.support.deployment import ROOT
from tools import mermaid

pytestmark = pytest.mark.acceptance

#: What a browser would load by itself: scripts, styles, pictures, fonts.
LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=.?(?:https?:)?//"
    r"|<link[^>]*rel=.?(?:stylesheet|preload|icon|preconnect)[^>]*href=.?(?:https?:)?//"
    r"|url\((?:https?:)?//|@import"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs-site` builds it, with warnings as errors."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    built = subprocess.run(
        ["make", "-C", ROOT, "--silent", "docs-site", f"SITE={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    assert built.returncode == 0, built.stdout.decode()
    return folder


def test_the_site_names_nothing_that_a_browser_would_load_from_elsewhere(site: Path) -> None:
    files = [path for ending in ("html", "css") for path in site.rglob(f"*.{ending}")]
    assert site / "index.html" in files
    assert [path.name for path in files if LOADED.search(path.read_text())] == []


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port; yields its URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_the_diagrams_are_drawn_and_no_other_host_is_asked(site: Path) -> None:
    shows = (ROOT / "docs" / "architecture.md").read_text().count("```mermaid")
    is_drawn = (site / mermaid.SCRIPT).exists()
    asked: list[str] = []
    with served(site) as url, chromium() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/architecture.html")
        if is_drawn:
            # the theme replaces each fence by a div with a closed shadow root, which has a size once it is drawn
            page.wait_for_function(
                f"[...document.querySelectorAll('div.mermaid')].filter(e => e.offsetHeight > 50).length == {shows}",
                timeout=WITHIN_MS,
            )
        else:
            page.wait_for_load_state("networkidle")
            assert page.get_by_text("flowchart TB").is_visible()
    hosts = {urlsplit(address).hostname for address in asked if not address.startswith("data:")}
    assert hosts == {"127.0.0.1"}
