"""The hook that lets the site draw diagrams, where npm is not there or gives another file."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tools import mermaid

#: A package manager that gives a file of this digest.
NPM = """#!/bin/sh
cp "$PACKAGE" "$PWD/mermaid-{version}.tgz"
"""

FILE = b"draws diagrams"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A configuration as mkdocs hands it to a hook; there is no npm, and no file from an earlier build."""
    monkeypatch.setattr(mermaid, "CACHE", tmp_path / "var" / "mermaid.js")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return {"mdx_configs": {}, "extra_javascript": [], "site_dir": str(tmp_path / "site")}


def give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put an npm into the path that packs `content`."""
    with tarfile.open(tmp_path / "given.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("package/dist/mermaid.min.js")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(NPM.format(version=mermaid.VERSION))
    program.chmod(0o755)
    monkeypatch.setenv("PACKAGE", str(tmp_path / "given.tgz"))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_without_npm_diagrams_stay_text_and_the_page_loads_nothing(
    config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert mermaid.on_config(config) == {**config, "mdx_configs": {}, "extra_javascript": []}
    mermaid.on_post_build(config)
    assert "the diagrams stay text" in capsys.readouterr().err
    assert not Path(config["site_dir"]).exists()


def test_the_file_of_the_known_digest_becomes_part_of_the_site(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mermaid, "DIGEST", hashlib.sha256(FILE).hexdigest())
    give(tmp_path, monkeypatch, FILE)

    mermaid.on_config(config)
    mermaid.on_post_build(config)

    assert config["extra_javascript"] == [mermaid.SCRIPT]
    assert (tmp_path / "site" / mermaid.SCRIPT).read_bytes() == FILE


def test_a_file_of_another_digest_is_not_used(
    config: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    give(tmp_path, monkeypatch, b"does something else")

    mermaid.on_config(config)

    assert config["extra_javascript"] == []
    assert "is not the file that we know" in capsys.readouterr().err
