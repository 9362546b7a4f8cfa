"""The documentation as a site: it builds without a warning and loads nothing from anywhere else."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.deployment import ROOT

pytestmark = pytest.mark.acceptance

#: What a browser would load by itself: scripts, styles, pictures, fonts.
LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]*\ssrc=.?(?:https?:)?//"
    r"|<link[^>]*rel=.?(?:stylesheet|preload|icon|preconnect)[^>]*href=.?(?:https?:)?//"
    r"|url\((?:https?:)?//|@import"
)


def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    built = subprocess.run(
        ["make", "-C", ROOT, "--silent", "docs-site", f"SITE={tmp_path / 'site'}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    assert built.returncode == 0, built.stdout.decode()

    files = [path for ending in ("html", "css") for path in (tmp_path / "site").rglob(f"*.{ending}")]
    assert (tmp_path / "site" / "index.html") in files
    assert [path.name for path in files if LOADED.search(path.read_text())] == []
