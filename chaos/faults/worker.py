"""Workers: killed hard, asked to stop, restarted one after the other under load."""

from __future__ import annotations

import signal
import time
from random import Random

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()


@fault(
    "worker-killed",
    "the worker's whole process group is killed hard, again and again, in the middle of its work",
)
def worker_killed(scene: Scene, chance: Random, size: Size) -> None:
    """Kill the worker `size.kills` times, each time shortly after it has begun to call ThreatQ."""
    delays = [round(chance.uniform(0, 0.6), 2) for _ in range(size.kills)]
    scene.say(f"schedule: killed so many seconds after the first call: {delays}")
    share = size.jobs // size.kills
    scene.start_beat()
    for turn, delay in enumerate(delays):
        scene.send(range(turn * share, (turn + 1) * share))
        scene.start_worker()
        scene.until_called()
        scene.pass_time(delay)
        scene.processes.kill("worker")
    scene.say(f"killed {size.kills} times; {len(scene.admin.ids('done', most=10**6))} done so far")
    scene.start_worker()


def until_logged(scene: Scene, name: str, text: str) -> None:
    """Return once a process has logged a text."""
    scene.until(lambda: text in scene.log_of(name), f"{name} logs: {text}", within_s=30)


@fault("rolling-restart", "three workers are asked to stop and replaced, one after the other, under load")
def rolling_restart(scene: Scene, chance: Random, size: Size) -> None:
    """Replace every worker while jobs come in; no job may be lost or wait for a lease to run out."""
    names = [f"worker-{number}" for number in range(3)]
    pauses = [round(chance.uniform(0, 0.3), 2) for _ in names]
    scene.say(f"schedule: asked to stop so many seconds after the last jobs: {pauses}")
    scene.start_beat()
    for name in names:
        scene.start_worker(name)
        scene.wait_for_worker(name)
    share = size.jobs // len(names)
    for turn, (name, pause) in enumerate(zip(names, pauses, strict=True)):
        scene.send(range(turn * share, (turn + 1) * share))
        scene.pass_time(pause)
        code = scene.processes.stop(name)
        scene.expect(code == 0, f"{name} ended with code {code} when it was asked to stop")
        scene.start_worker(name)
    scene.finish(within_s=size.patience_s, hurry=False)
    records = scene.admin.records(list(scene.sent.values()))
    again = sum(record.attempts > 1 for record in records)
    scene.expect(again == 0, f"{again} jobs were claimed more than once")


@fault(
    "stopped-in-hang",
    "a worker is asked to stop while ThreatQ hangs: it ends in time and its jobs are given back",
    TQ_STOP_WITHIN_S="2",
    TQ_THREATQ_READ_TIMEOUT_S="20",
    TQ_LEASE_S="600",
)
def stopped_in_hang(scene: Scene, _chance: Random, size: Size) -> None:
    """Stop a worker whose call hangs, with leases far longer than the run."""
    scene.start_workers()
    scene.fault("hang")
    scene.send(range(min(size.jobs, 100)))
    scene.until(scene.running, "jobs are running", within_s=30)
    began = time.monotonic()
    code = scene.processes.stop("worker")
    took = time.monotonic() - began
    scene.expect(code == 0, f"the worker ended with code {code}")
    scene.expect(not scene.running(), "jobs were not given back")
    scene.notes.append(f"it ended after {took:.1f} s")
    scene.no_faults()
    scene.start_worker()
    scene.finish(within_s=size.patience_s, hurry=size.hurry)
    lost = sum(record.lost for record in scene.admin.records(list(scene.sent.values())))
    scene.expect(lost == 0, f"{lost} jobs count as having lost their worker")


@fault(
    "worker-stands-still",
    "a worker stands still (SIGSTOP) between its claim and the call that makes the events, past its lease",
)
def worker_stands_still(scene: Scene, _chance: Random, size: Size) -> None:
    """Let another worker do its jobs meanwhile, and the first go on where it stood: it may make nothing."""
    turns = max(1, size.kills // 4)
    share = size.jobs // turns
    scene.start_beat()
    for turn in range(turns):
        late = f"late-{turn}"
        scene.start_worker(late)
        scene.wait_for_worker(late)
        # The last call before the one that makes events is delayed until the worker stands.
        scene.fault("latency", path="/api/malware/consume", ms=1_000)
        scene.send(range(turn * share, (turn + 1) * share))
        scene.until_called("POST /api/identity/consume")
        scene.pass_time(0.2)
        scene.processes.signal(late, signal.SIGSTOP)
        scene.no_faults()
        scene.start_worker("another")
        scene.until(scene.all_settled, "another worker does it all", within_s=size.patience_s)
        scene.processes.stop("another")
        scene.processes.signal(late, signal.SIGCONT)
        until_logged(scene, late, "lease lost")
        scene.processes.stop(late)
