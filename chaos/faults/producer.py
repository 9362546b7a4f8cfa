"""Producers: real commands with a disk that takes nothing, a damaged spool, and several of them on one spool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

from chaos.payloads import payload
from chaos.scenario import Scenarios, Size
from chaos.scene import Scene
from producers.cli.console import AWAY, DONE
from workers.ledger.spool import WAITING

fault = Scenarios()

COMMAND = Path(sys.executable).with_name("tq-conn-events-builder")

#: Lets every write of a file fail, as on a full disk.
NO_ROOM = "ulimit -f 0"


def send(scene: Scene, number: int, *, before: str = "true") -> subprocess.Popen[str]:
    """Start the command that sends one payload, after the shell has done `before`; all use the scene's spool."""
    command = (COMMAND, "-c", scene.folder / "config", "-p", json.dumps(payload(number)), "--json")
    environ = {**scene.processes.environ, "TQ_SPOOL_DIR": scene.spool.folder}
    return subprocess.Popen(
        ["sh", "-c", f'{before} && exec "$@"', "sh", *map(str, command)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def note_what_was_kept(scene: Scene, number: int, process: subprocess.Popen[str]) -> bool:
    """Wait for a producer and note its job if it says that the job is kept; return whether it does."""
    shown, _ = process.communicate(timeout=60)
    if process.returncode not in (DONE, AWAY) or not shown:
        return False
    answer = json.loads(shown)
    scene.sent[number] = answer["job"]
    scene.spooled += answer["status"] == "spooled"
    return True


def start_everything(scene: Scene) -> None:
    """Start a worker and beat."""
    scene.start_workers()


@fault(
    "disk-full", "Redis is away and the producer's disk takes nothing: the sender is told, and sends again"
)
def disk_full(scene: Scene, _chance: Random, size: Size) -> None:
    """See that what could not be kept is not claimed to be, and leaves nothing half written."""
    start_everything(scene)
    scene.redis.kill()
    numbers = range(max(3, size.kills // 4))
    for number in numbers:
        kept = note_what_was_kept(scene, number, send(scene, number, before=NO_ROOM))
        scene.expect(not kept, "a producer said that a job is kept which is not")
    scene.expect(not scene.spool.waiting(), "something was left in the spool")
    scene.redis.start()
    for number in numbers:
        scene.expect(
            note_what_was_kept(scene, number, send(scene, number)), "Redis is back, and a job was not taken"
        )


@fault("spool-damaged", "files in the spool are cut short, as by a power cut, or changed")
def spool_damaged(scene: Scene, chance: Random, size: Size) -> None:
    """Damage some files, and expect them aside and all others delivered."""
    start_everything(scene)
    scene.redis.kill()
    count = min(size.jobs, 100)
    scene.send(range(count))
    files = sorted(Path(scene.spool.folder).glob(f"*{WAITING}"))
    damaged = chance.sample(files, 4)
    for path, change in zip(damaged, (_cut, _cut, _flip, _empty), strict=True):
        change(path)
    scene.redis.start()
    lost_files = {path.name.removesuffix(WAITING) for path in damaged}
    scene.sent = {number: job_id for number, job_id in scene.sent.items() if job_id not in lost_files}
    report = scene.spool.deliver(scene.ledger.accept)
    scene.expect(
        len(report.set_aside) == len(damaged), f"{len(report.set_aside)} of {len(damaged)} were set aside"
    )
    kept = list((Path(scene.spool.folder) / "unreadable").iterdir())
    scene.expect(len(kept) == len(damaged), "a damaged file is not kept")
    scene.notes.append(f"{len(kept)} damaged files kept aside and reported")


@fault("many-producers", "Redis comes and goes while several producers use one spool at once")
def many_producers(scene: Scene, chance: Random, size: Size) -> None:
    """Start producers side by side, half of them while Redis is away."""
    start_everything(scene)
    turns = max(2, size.kills // 5)
    for turn in range(turns):
        numbers = range(turn * 6, turn * 6 + 6)
        first = {number: send(scene, number) for number in numbers[:2]}
        scene.pass_time(round(chance.uniform(0, 0.3), 2))
        scene.redis.kill()
        second = {number: send(scene, number) for number in numbers[2:4]}
        _all_kept(scene, first | second)
        scene.redis.start()
        _all_kept(scene, {number: send(scene, number) for number in numbers[4:]})
    scene.notes.append(f"{scene.spooled} of the jobs were spooled")


def _all_kept(scene: Scene, producers: dict[int, subprocess.Popen[str]]) -> None:
    for number, process in producers.items():
        scene.expect(note_what_was_kept(scene, number, process), f"payload {number} was not kept")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Chaos", b"Caohs"))


def _empty(path: Path) -> None:
    path.write_bytes(b"")
