"""Lets the site draw its Mermaid diagrams without a network; mkdocs.yml names this file as a hook.

The theme would load Mermaid from a CDN. Its file (3.5 MB) is no part of this repository: it comes from npm when the
site is built, is checked against its digest and becomes a file of the site. Where npm cannot be asked, the diagrams
stay text, and nothing is loaded from elsewhere either.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from pymdownx.superfences import fence_code_format

VERSION = "11.17.2"

#: SHA-256 of dist/mermaid.min.js in that version.
DIGEST = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"

#: Where the file is kept between two builds; the folder is not in the repository.
CACHE = Path(__file__).resolve().parents[1] / "var" / f"mermaid-{VERSION}.min.js"

#: Where the site has it.
SCRIPT = "javascripts/mermaid.min.js"

#: Seconds that npm gets.
WITHIN_S = 60.0


def on_config(config: Any) -> Any:
    """Let fences of the language mermaid be drawn, if there is what draws them."""
    if not _is_there():
        return config

    fence = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
    config["mdx_configs"].setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    config["extra_javascript"].append(SCRIPT)
    return config


def on_post_build(config: Any) -> None:
    """Put the file into the site."""
    if _is_good(CACHE):
        target = Path(config["site_dir"]) / SCRIPT
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CACHE, target)


def _is_there() -> bool:
    if not _is_good(CACHE):
        try:
            _fetch()
        except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError) as error:
            print(f"the diagrams stay text: Mermaid cannot be fetched from npm ({error})", file=sys.stderr)
            return False
    return _is_good(CACHE)


def _fetch() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--fetch-retries=0", f"mermaid@{VERSION}"]
        subprocess.run(command, cwd=folder, check=True, timeout=WITHIN_S, stdout=subprocess.DEVNULL)
        with tarfile.open(Path(folder) / f"mermaid-{VERSION}.tgz") as archive:
            file = archive.extractfile("package/dist/mermaid.min.js")
            data = file.read() if file else b""
    if hashlib.sha256(data).hexdigest() != DIGEST:
        raise OSError(f"mermaid {VERSION} is not the file that we know")
    CACHE.parent.mkdir(exist_ok=True)
    CACHE.write_bytes(data)


def _is_good(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == DIGEST
