"""Poison: payloads that ThreatQ refuses, and one that kills every worker that takes it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from chaos.payloads import title
from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()

#: The folder whose sitecustomize changes a worker from within.
INSIDE = str(Path(__file__).parent.parent / "inside")

#: The payload that kills its worker.
DEADLY = 7


def refused(scene: Scene, numbers: list[int], *, how: str) -> None:
    """Let ThreatQ refuse the events of some payloads, telling it in one of the ways of its bulk calls."""
    scene.lever("behaviour", {"poison": [title(number) for number in numbers], "bulk_errors": how})


def one_in_a_hundred(scene: Scene, chance: Random, size: Size, how: str) -> None:
    """Send mostly good payloads, and expect that the bad ones alone die."""
    bad = [start + chance.randrange(100) for start in range(0, size.jobs - 99, 100)]
    scene.say(f"schedule: refused are {bad}")
    refused(scene, bad, how=how)
    scene.start_beat()
    scene.start_worker()
    scene.send(range(size.jobs))
    scene.may_die = len(bad)


@fault("one-bad-told", "one payload in a hundred is refused, in its place in the bulk's answer")
def one_bad_told(scene: Scene, chance: Random, size: Size) -> None:
    """Refuse items."""
    one_in_a_hundred(scene, chance, size, "item")


@fault("one-bad-untold", "one payload in a hundred makes ThreatQ refuse the whole bulk")
def one_bad_untold(scene: Scene, chance: Random, size: Size) -> None:
    """Refuse requests."""
    one_in_a_hundred(scene, chance, size, "request")


@fault("half-refused", "ThreatQ refuses half of the payloads")
def half_refused(scene: Scene, _chance: Random, size: Size) -> None:
    """Refuse every second one."""
    bad = list(range(0, size.jobs, 2))
    refused(scene, bad, how="item")
    scene.start_beat()
    scene.start_worker()
    scene.send(range(size.jobs))
    scene.may_die = len(bad)


@fault(
    "all-bad",
    "ThreatQ refuses every payload of every sender: the queue stops after a few and goes on when the cause is mended",
)
def all_bad(scene: Scene, _chance: Random, size: Size) -> None:
    """Refuse everything, see the queue stop, mend, resume."""
    scene.lever("behaviour", {"poison": ["Chaos #*"]})
    scene.start_beat()
    scene.start_worker()
    scene.send(range(size.jobs), senders=5)
    scene.until(lambda: scene.admin.suspension("events"), "the queue stops by itself", within_s=60)
    scene.pass_time(2)
    died = len(scene.admin.ids("dead", most=10**6))
    scene.expect(died <= 60, f"{died} jobs died before the queue stopped")
    scene.notes.append(f"the queue stopped after {died} deaths")
    scene.lever("behaviour", {"poison": []})
    scene.admin.resume("events")
    scene.admin.replay(scene.admin.ids("dead", most=10**6), note={"reason": "the cause is mended"})


@fault(
    "fails-on-one",
    "ThreatQ fails inside (500) on one payload that always comes alone, and takes the others: in the end it is dead",
)
def fails_on_one(scene: Scene, _chance: Random, size: Size) -> None:
    """Let good payloads come in one by one until the bad one is dead."""
    scene.lever("behaviour", {"fatal": [title(0)]})
    scene.start_workers()
    scene.send([0])
    scene.until(scene.waiting, "the bad one waits", within_s=30)
    scene.may_die = 1
    for number in range(1, size.jobs):
        if scene.admin.ids("dead"):
            break
        if size.hurry:
            scene.let_waiting_time_pass()
        scene.send([number])
        scene.until(lambda: scene.open_jobs() <= 1, "the good one is done", within_s=90)
        scene.pass_time(0.5)
    record = scene.admin.record(scene.sent[0])
    scene.expect(bool(record and "with 500" in record.result["reason"]), "the death is not named as such")
    if record:
        scene.notes.append(f"dead after {record.attempts} attempts")


@fault(
    "deadly-payload",
    "one payload kills every worker that takes it: it is dead after three workers, and no other payload is",
    PYTHONPATH=INSIDE,
    CHAOS_DEADLY=f'"{title(DEADLY)}"',
)
def deadly_payload(scene: Scene, _chance: Random, size: Size) -> None:
    """Wait until the ledger has found out which one it is."""
    scene.start_beat()
    scene.start_worker()
    scene.send(range(min(size.jobs, 200)))
    scene.may_die = 1
    scene.finish(within_s=size.patience_s + 120, hurry=size.hurry)
    (died,) = scene.admin.ids("dead") or [""]
    record = scene.admin.record(died)
    scene.expect(died == scene.sent[DEADLY], "another job than the deadly one died")
    scene.expect(
        bool(record and record.result.get("error") == "WorkerLost"), "the death is not named as such"
    )
    scene.notes.append(f"workers that it took: {scene.restarts['worker']}")
