"""A release by one command: `python -m tools.release 1.2.0` shows it, `--yes` makes it.

It is prepared in a work tree of its own: version and changelog, then all files. Only with --yes are the tests run, and
is what was prepared committed and tagged. Pushing the tag is left to a person; the workflow then builds the same files.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tools.distribution import ROOT, build, changes, git, version_of

#: A version of three numbers, and perhaps what a release candidate adds.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(rc[1-9]\d*)?")

_UNRELEASED = "## [Unreleased]\n"

#: What the changelog says as long as there is no release.
_NOTHING_YET = re.compile(r"^Nothing has been released yet.*\n", re.MULTILINE)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    """Prepare the release, and make it where that is asked for; ends the process with a reason where it cannot."""
    parser = ArgumentParser(
        prog="make release", description="Prepares a release; nothing is changed without --yes."
    )
    parser.add_argument("version", help="three numbers, such as 1.2.0")
    parser.add_argument("--yes", action="store_true", help="run the tests, commit and tag")
    options = parser.parse_args(arguments)
    version = options.version
    if refused := why_not(root, version):
        raise SystemExit(f"no release: {refused}")
    folder = root / "dist" / version
    with prepared(root, version) as tree:
        if options.yes:
            check(tree)
            git(tree, "commit", "--quiet", "--all", "--message", f"Version {version}")
        print(*build(tree, folder), sep="\n")
        commit = git(tree, "rev-parse", "HEAD")
    if not options.yes:
        print(f"Nothing else is changed. To test, commit and tag: make release VERSION={version} YES=1")
        return
    git(root, "merge", "--quiet", "--ff-only", commit)
    git(root, "tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    print(f"Committed and tagged. To publish: git push origin HEAD v{version}")


def why_not(root: Path, version: str) -> str:
    """Return why there can be no such release, "" where there can."""
    if not VERSION.fullmatch(version):
        return f"{version!r} is no version; it is three numbers, such as 1.2.0, or 1.2.0rc1"
    if git(root, "tag", "--list", f"v{version}"):
        return f"v{version} is tagged already"
    newest = max(map(order, released(root)), default=(0,))
    if order(version) < newest:
        return f"{version} is older than what is released: {', '.join(released(root))}"
    if changed := git(root, "status", "--porcelain"):
        return f"there are changes that are not committed:\n{changed}"
    if not changes(root, "Unreleased"):
        return "CHANGELOG.md has nothing under Unreleased"
    return ""


def released(root: Path) -> list[str]:
    """Return the versions that are tagged."""
    return [
        tag.removeprefix("v")
        for tag in git(root, "tag", "--list", "v*").split()
        if VERSION.fullmatch(tag[1:])
    ]


def order(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by: a candidate comes before its release."""
    numbers, _, candidate = version.partition("rc")
    return (*map(int, numbers.split(".")), int(candidate) if candidate else 1_000_000)


@contextmanager
def prepared(root: Path, version: str) -> Iterator[Path]:
    """Yield a work tree of the last commit with the version and its changelog; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tq-release-") as folder:
        tree = Path(folder) / "tree"
        git(root, "worktree", "add", "--quiet", "--detach", str(tree))
        try:
            write_version(tree, version)
            write_changelog(tree, version, datetime.now(UTC).strftime("%Y-%m-%d"))
            yield tree
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def write_version(tree: Path, version: str) -> None:
    """Put the version into pyproject.toml, from which everything else has it."""
    file = tree / "pyproject.toml"
    file.write_text(file.read_text().replace(f'version = "{version_of(tree)}"', f'version = "{version}"', 1))


def write_changelog(tree: Path, version: str, day: str) -> None:
    """Let what was unreleased be the version of that day, and leave an empty heading for what comes."""
    file = tree / "CHANGELOG.md"
    text = _NOTHING_YET.sub("", file.read_text())
    file.write_text(text.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {day}\n", 1))


def check(tree: Path) -> None:
    """Run what must be green before anything lands; ends the process where it is red."""
    if subprocess.run([tree / ".ci" / "run"], cwd=tree, check=False).returncode:
        raise SystemExit("no release: the tests are red")


if __name__ == "__main__":
    main()
