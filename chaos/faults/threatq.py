"""ThreatQ's bad days."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

from chaos.scenario import Scenarios, Size
from chaos.scene import Scene

fault = Scenarios()

#: Workers that share the budget of calls.
WORKERS = ("worker", "worker-2")


def budget(seconds: float) -> int:
    """Return how many calls all workers together may make while ThreatQ is away for so long.

    The breaker lets one probe through after half a second and then after twice as long each time, up to a
    minute. A probe takes up to three calls, and each of 16 threads may have been in the middle of one.
    """
    return 48 + int(seconds / 10)


def start_everything(scene: Scene) -> None:
    """Start two workers and beat."""
    scene.start_beat()
    for name in WORKERS:
        scene.start_worker(name)
        scene.wait_for_worker(name)


def bad_time(scene: Scene, chance: Random, size: Size, *, how: dict[str, Any]) -> None:
    """Let a fault strike every call for a while, with jobs waiting and jobs coming in, and count the calls."""
    start_everything(scene)
    half = size.jobs // 2
    scene.send(range(half))
    scene.pass_time(chance.uniform(0.0, 0.4))
    scene.fault(**how)
    before = scene.calls()
    scene.send(range(half, size.jobs))
    scene.pass_time(size.away_s)
    during = scene.calls() - before
    scene.no_faults()
    scene.notes.append(f"{during} calls in {size.away_s:.0f} s of it")
    scene.expect(during <= budget(size.away_s), f"{during} calls during it, {budget(size.away_s)} allowed")
    expect_no_storm(scene, size)


def expect_no_storm(scene: Scene, size: Size) -> None:
    """Expect that what had waited comes in batches when ThreatQ is back.

    Those whose events were made just before it went away are looked for one by one: five calls for each of them.
    """
    before = scene.calls()
    scene.finish(within_s=size.patience_s, hurry=size.hurry)
    after = scene.calls() - before
    scene.notes.append(f"{after} calls for what had waited")
    most = 100 + 5 * size.jobs // 2
    scene.expect(after <= most, f"{after} calls when ThreatQ was back, {most} allowed")


#: Name, what ThreatQ does to every call for a while, and how the sandbox is told.
BAD_TIMES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "threatq-away",
        "ThreatQ answers 503 to everything for a while; two workers",
        {"kind": "error", "status": 503},
    ),
    (
        "threatq-storm",
        "ThreatQ answers 429 to everything and does not say for how long",
        {"kind": "rate_limit"},
    ),
    (
        "threatq-storm-retry-after",
        "ThreatQ answers 429 with Retry-After: 3",
        {"kind": "rate_limit", "retry_after": 3},
    ),
    (
        "threatq-hangs",
        "ThreatQ takes connections and answers nothing; calls give up after 2 s",
        {"kind": "hang"},
    ),
)

for _name, _what, _how in BAD_TIMES:
    fault(_name, _what)(partial(bad_time, how=_how))


@fault("threatq-flaky", "one call in ten is answered with 500")
def threatq_flaky(scene: Scene, _chance: Random, size: Size) -> None:
    """Let a tenth of all calls fail until everything is done."""
    scene.fault("error", status=500, ratio=0.1)
    start_everything(scene)
    scene.send(range(size.jobs))
    scene.finish(within_s=size.patience_s, hurry=size.hurry)


@fault("threatq-slow", "ThreatQ makes the events after the caller has given up waiting")
def threatq_slow(scene: Scene, _chance: Random, size: Size) -> None:
    """Let the call that makes events take longer than the read timeout."""
    start_everything(scene)
    scene.fault("latency", ms=3_000, method="POST", path="/api/events/consume")
    scene.send(range(size.jobs))
    scene.pass_time(min(size.away_s, 20))
    scene.no_faults()
    # What was begun late ends late, and must be counted.
    scene.finish(within_s=size.patience_s, hurry=False)
    scene.pass_time(4)


@fault("tokens-revoked", "every token is revoked in the middle, again and again")
def tokens_revoked(scene: Scene, chance: Random, size: Size) -> None:
    """Revoke all tokens at random moments."""
    pauses = [round(chance.uniform(0.05, 0.4), 2) for _ in range(size.kills)]
    scene.say(f"schedule: tokens revoked after pauses of {pauses}")
    start_everything(scene)
    share = size.jobs // size.kills
    for turn, pause in enumerate(pauses):
        scene.send(range(turn * share, (turn + 1) * share))
        scene.pass_time(pause)
        scene.lever("tokens/revoke")
