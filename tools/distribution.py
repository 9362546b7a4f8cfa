"""The files of a release, made of a tree of sources: `python -m tools.distribution [FOLDER]`.

The same tree gives the same bytes: every date in them is that of its last commit.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]

#: Where the images are listed, what the changelog says of the version, and the sums of all other files.
IMAGE_TAGS, NOTES, SUMS = "image-tags.txt", "release-notes.md", "SHA256SUMS"

#: What stands in docker-compose.yml for the version.
VERSION_OF_COMPOSE = re.compile(r"\$\{DEPLOY_VERSION:-\w+\}")


def build(tree: Path, folder: Path) -> list[Path]:
    """Write the files of a release of `tree` into `folder`, and the checksums of all of them; return them."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "SOURCE_DATE_EPOCH": git(tree, "log", "-1", "--format=%ct")}
    hatchling = (sys.executable, "-m", "hatchling", "build", "--clean", "--directory", folder)
    subprocess.run(hatchling, cwd=tree, env=environ, check=True, stdout=subprocess.DEVNULL)
    write_sbom(tree, folder / f"tq-workers-{version_of(tree)}.cdx.json")
    (folder / IMAGE_TAGS).write_text("".join(f"{line}\n" for line in image_tags(tree)))
    (folder / NOTES).write_text(changes(tree, version_of(tree)) or changes(tree, "Unreleased"))
    made = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made]
    (folder / SUMS).write_text("".join(sums))
    return [*made, folder / SUMS]


def version_of(tree: Path) -> str:
    """Return the version that a tree says it is."""
    return str(tomllib.loads((tree / "pyproject.toml").read_text())["project"]["version"])


def changes(tree: Path, version: str) -> str:
    """Return what the changelog says of a version, "" where it has none."""
    _, _, rest = (tree / "CHANGELOG.md").read_text().partition(f"## [{version}]")
    return rest.partition("\n")[2].partition("\n## [")[0].strip()


def write_sbom(tree: Path, file: Path) -> None:
    """Write what the product consists of, as CycloneDX."""
    words = ("--pyproject", "pyproject.toml", "--output-reproducible", "--output-format", "JSON")
    cyclonedx = (
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        *words,
        "--output-file",
        file.resolve(),
    )
    subprocess.run((*cyclonedx, "requirements-runtime.lock"), cwd=tree, check=True)


def image_tags(tree: Path) -> Iterator[str]:
    """Yield the tag of each of our images and the target of the Dockerfile that it is built from."""
    services = yaml.safe_load((tree / "docker-compose.yml").read_text())["services"].values()
    built = {service["image"]: service["build"]["target"] for service in services if "build" in service}
    for image, target in sorted(built.items()):
        yield f"{VERSION_OF_COMPOSE.sub(version_of(tree), image)} {target}"


def git(tree: Path, *words: str) -> str:
    """Return what git answers in a tree; ends the process with the reason where it refuses."""
    done = subprocess.run(("git", *words), cwd=tree, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def main(arguments: list[str]) -> None:
    """Make the files of this tree; with --sbom and a file, the list of parts alone."""
    if arguments[:1] == ["--sbom"]:
        write_sbom(ROOT, Path(arguments[1]))
        return
    for file in build(ROOT, Path(arguments[0]) if arguments else ROOT / "dist"):
        print(file)


if __name__ == "__main__":
    main(sys.argv[1:])
