"""axe-core, which finds what keeps people from using a page: fetched once with npm, checked, and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

#: The version, and the SHA-256 of its archive.
VERSION = "4.14.1"
ARCHIVE = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"

#: Where it is kept.
PLACE = Path(sys.prefix) / f"axe-core-{VERSION}.js"

#: Seconds that npm gets.
WITHIN_S = 60


def script() -> str:
    """Return axe-core's text; skips the test where it is not there and cannot be fetched."""
    if not PLACE.exists():
        PLACE.write_bytes(_fetched())
    return PLACE.read_text(encoding="utf-8")


def _fetched() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not there and npm, which would fetch it, is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"axe-core@{VERSION}", "--pack-destination", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S, cwd=folder)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"axe-core {VERSION} cannot be fetched with npm: {error}")
        archive = Path(folder) / f"axe-core-{VERSION}.tgz"
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == ARCHIVE, "this is not the axe-core we know"
        with tarfile.open(archive) as files:
            member = files.extractfile("package/axe.min.js")
            assert member
            return member.read()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with a page: the rule, and the elements that break it."""
    # Not as a script element, which the page's policy forbids.
    page.evaluate(script())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {', '.join(str(node['target'][0]) for node in rule['nodes'][:5])}"
        for rule in found["violations"]
    ]
