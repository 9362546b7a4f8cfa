"""A rolling upgrade: workers of the version before and of this one on one Redis, replaced one by another under load."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from random import Random

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene
from sandbox.launch.processes import ROOT, Processes
from workers.core.errors import TqError

fault = Scenarios()

#: The version before: its records have a stream for the history, and the field "door" for the producer. Each release
#: moves this on to the one before it.
PREVIOUS = "73c90180e45b3ba13459fe3aa74508a1398f8268"


def unpack_previous(folder: Path) -> Path:
    """Put the code of the version before, as git has it, into a folder; raises TqError for a checkout without it."""
    archive = folder / "code.tar"
    parts = ("workers", "producers", "sandbox", "celeryconfig.py")
    done = subprocess.run(
        ["git", "archive", "--output", archive, PREVIOUS, *parts], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode:
        raise TqError(
            "this checkout does not hold the commit of the version before; fetch it with its history"
        )
    with tarfile.open(archive) as code:
        code.extractall(folder, filter="data")
    return folder


@fault(
    "rolling-upgrade",
    "workers and beats of the version before and of this one replace one another, by a stop or by a kill, under load",
)
def rolling_upgrade(scene: Scene, chance: Random, size: Size) -> None:
    """Upgrade and go back again and again; in the end this version works alone."""
    folder = scene.folder / "older"
    folder.mkdir()
    turns = max(2, size.kills // 3)
    share = size.jobs // turns
    with Processes(folder, scene.processes.environ, root=unpack_previous(folder)) as older:
        versions = {"this version": scene.processes, "the version before": older}
        running: Processes | None = None
        for turn in range(turns):
            name = chance.choice(list(versions)) if turn > 1 else list(versions)[1 - turn]
            scene.say(f"turn {turn}: {name}")
            numbers = range(turn * share, (turn + 1) * share)
            running = _replace(scene, running, versions[name], numbers, chance)
        _replace(scene, running, scene.processes, range(turns * share, size.jobs), chance)


def _replace(
    scene: Scene, before: Processes | None, after: Processes, numbers: range, chance: Random
) -> Processes:
    """Start a worker and a beat beside those that run, send jobs to both, then end the earlier ones in their work."""
    if before is after:
        scene.send(numbers)
        return after
    log = after.folder / "worker.log"
    ready = log.read_text().count(" ready.") if log.exists() else 0
    after.worker("worker", "events", "upkeep")
    after.beat()
    scene.until(lambda: log.read_text().count(" ready.") > ready, "the next worker is ready", within_s=60)
    scene.send(numbers)
    if before is not None:
        scene.pass_time(chance.uniform(0, 0.5))
        end = before.kill if chance.random() < 0.5 else before.stop
        for name in ("worker", "beat"):
            end(name)
    return after
