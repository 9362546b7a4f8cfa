"""A release is made by one command: shown first, refused for what is not in order, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.deployment import ROOT
from tools import distribution, release

pytestmark = pytest.mark.acceptance

FILES = {
    "SHA256SUMS",
    "image-tags.txt",
    "release-notes.md",
    "tq-workers-1.2.0.cdx.json",
    "tq_workers-1.2.0-py3-none-any.whl",
    "tq_workers-1.2.0.tar.gz",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of what is here now, in which the tests are green at once."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "releaser")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "releaser@example.com")
        # The files have the date of the commit.
        monkeypatch.setenv(f"GIT_{role}_DATE", "2026-01-02T03:04:05Z")
    folder = tmp_path / "repository"
    for name in distribution.git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".ci" / "run").write_text("#!/bin/sh\n")
    distribution.git(folder, "init", "--quiet", "--initial-branch", "main")
    distribution.git(folder, "add", "--all")
    distribution.git(folder, "commit", "--quiet", "--message", "What is here now")
    return folder


def state(root: Path) -> tuple[str, str, str]:
    return (
        distribution.git(root, "log", "--format=%s", "-1"),
        distribution.git(root, "tag", "--list"),
        distribution.git(root, "worktree", "list", "--porcelain").partition("\n\n")[2],
    )


def test_a_release_is_shown_first_and_made_when_that_is_asked_for(root: Path) -> None:
    # When a release is asked for, and what an earlier one left is there
    (root / "dist" / "1.2.0" / "earlier").mkdir(parents=True)
    release.main(["1.2.0"], root)
    (root / "dist" / "1.2.0" / "earlier").rmdir()

    # Then its files are there, each with its checksum, and the repository is as it was
    folder = root / "dist" / "1.2.0"
    assert {path.name for path in folder.iterdir()} == FILES
    sums = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES - {"SHA256SUMS"}
    }
    assert state(root) == ("What is here now", "", "")
    assert distribution.git(root, "status", "--porcelain") == ""

    # And they are of that version: the wheel without tests, the list of parts, the images
    with zipfile.ZipFile(folder / "tq_workers-1.2.0-py3-none-any.whl") as wheel:
        packages = {name.partition("/")[0] for name in wheel.namelist()}
    assert packages == {"workers", "producers", "tqctl", "sandbox", "tq_workers-1.2.0.dist-info"}
    parts = json.loads((folder / "tq-workers-1.2.0.cdx.json").read_text())
    assert (parts["bomFormat"], parts["metadata"]["component"]["version"]) == ("CycloneDX", "1.2.0")
    assert "tq-workers:1.2.0 " in (folder / "image-tags.txt").read_text()
    assert (folder / "release-notes.md").read_text().startswith("### Added")
    with tarfile.open(folder / "tq_workers-1.2.0.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "CHANGELOG.md", "celeryconfig.py", "docker-compose.yml"} <= names
    assert not {name for name in names if name.startswith((".git/", ".github", ".ci", ".venv", "dist"))}

    # When it is asked for with YES
    release.main(["1.2.0", "--yes"], root)

    # Then version and changelog are committed and tagged, and the files have the same bytes as before
    assert state(root) == ("Version 1.2.0", "v1.2.0", "")
    assert distribution.version_of(root) == "1.2.0"
    changelog = (root / "CHANGELOG.md").read_text()
    assert "Nothing has been released yet" not in changelog
    assert (
        changelog.index("## [Unreleased]") < changelog.index("## [1.2.0] - ") < changelog.index("### Added")
    )
    again = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert again == sums


def committed(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text)
    distribution.git(root, "commit", "--quiet", "--all", "--message", name)


def refusal(root: Path, version: str, *more: str) -> str:
    """Return why a release is refused, after which everything is as it was."""
    before = state(root)
    with pytest.raises(SystemExit) as refused:
        release.main([version, *more], root)
    assert state(root) == before
    return str(refused.value)


def test_what_is_not_in_order_is_not_released(root: Path) -> None:
    # Given what is no version
    assert "is no version" in refusal(root, "1.2")
    # Or tests that are red
    committed(root, ".ci/run", "#!/bin/sh\nexit 1\n")
    assert "the tests are red" in refusal(root, "1.2.0", "--yes")
    # Or a release that is newer
    distribution.git(root, "tag", "v2.0.0")
    assert "is older than what is released: 2.0.0" in refusal(root, "1.2.0")
    assert "is older than what is released: 2.0.0" in refusal(root, "2.0.0rc1")
    assert "is tagged already" in refusal(root, "2.0.0")
    # Or nothing to tell of
    changelog = (root / "CHANGELOG.md").read_text()
    told = changelog.replace("[Unreleased]", "[Unreleased]\n\n## [2.0.0] - 2026-01-01", 1)
    committed(root, "CHANGELOG.md", told)
    assert "nothing under Unreleased" in refusal(root, "2.1.0")
    # Or a change that is not committed
    (root / "README.md").write_text("changed")
    assert "README.md" in refusal(root, "2.1.0")


def test_the_workflows_run_the_scripts_that_a_person_runs() -> None:
    folder = ROOT / ".github" / "workflows"
    assert "run: .ci/run" in (folder / "ci.yml").read_text()
    assert "run: .ci/release" in (folder / "release.yml").read_text()
    for workflow in folder.iterdir():
        for line in workflow.read_text().splitlines():
            # Whatever is used from elsewhere is named by its commit.
            assert "uses:" not in line or len(line.partition("@")[2].split()[0]) == 40, line
    for script in ("run", "release"):
        subprocess.run(["bash", "-n", ROOT / ".ci" / script], check=True)
