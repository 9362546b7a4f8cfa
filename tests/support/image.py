"""Runs the steps of the Dockerfile's first stage in a folder, since no Docker engine is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.deployment import ROOT


def steps() -> Iterator[tuple[str, str]]:
    """Yield the instructions of the stage `build`, each with its words on one line."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    stage = text.partition(" AS build\n")[2].partition("\nFROM ")[0]
    for line in stage.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            yield name, rest


def build(folder: Path, environ: Mapping[str, str]) -> Path:
    """Run the stage in `folder`, with nothing there but what it copies; return where it installed to."""
    arguments = {"PREFIX": str(folder / "prefix"), "STATE": str(folder / "state")}
    place = folder / "src"
    place.mkdir(parents=True)
    for name, rest in steps():
        if name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                copy(ROOT / source, place / target if len(sources) == 1 else place / source)
        elif name == "RUN":
            command = ["sh", "-ec", rest]
            done = subprocess.run(
                command,
                cwd=place,
                env={**environ, **arguments},
                capture_output=True,
                check=False,
                timeout=300,
            )
            assert done.returncode == 0, f"{rest}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        else:
            assert name in ("ARG", "WORKDIR"), f"{name} is not tried by this test"
    return folder / "prefix"


def copy(source: Path, target: Path) -> None:
    """Copy as COPY does, without what .dockerignore keeps out."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
