"""The whole compose file in containers: a payload through it, and what an operator or a crash does to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.containers import EVENTS_WORKERS, SERVICES, Composed, Sender, wait_until_healthy
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def sender(system: Composed) -> Sender:
    return Sender(system, first=0)


def assert_every_payload_is_one_event(threatq: SandboxThreatQ, sender: Sender) -> None:
    until(lambda: len(threatq.titles()) >= sender.next, within_s=300, every_s=0.5)
    assert (len(threatq.titles()), threatq.titles().total()) == (sender.next, sender.next)


def test_every_part_runs_and_its_health_check_passes(system: Composed) -> None:
    parts = list(system.state())

    assert {part["service"] for part in parts} == set(SERVICES)
    assert [part["service"] for part in parts].count("worker-events") == EVENTS_WORKERS
    assert [part["name"] for part in parts if not part["checked"]] == []
    # As Docker sees it, for which one slow check is no illness
    wait_until_healthy(system)


def test_a_payload_at_the_published_port_becomes_an_event_in_threatq(
    system: Composed, composed_threatq: SandboxThreatQ, sender: Sender
) -> None:
    sender.post()

    assert_every_payload_is_one_event(composed_threatq, sender)


def test_nothing_runs_as_root_or_has_a_capability(system: Composed) -> None:
    for part in system.state():
        # With --init, the container's first process belongs to the engine; what we run is below it
        words = ["ps", "-o", "pid=", "--ppid", str(part["pid"])]
        below = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        for pid in (str(part["pid"]), *below):
            status = Path(f"/proc/{pid}/status").read_text()
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            assert "0" not in fields["Uid"].split(), (part["name"], fields["Name"])
            assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0, part["name"]
            assert fields["NoNewPrivs"] == "1", part["name"]


def test_each_volume_belongs_to_its_user_and_nothing_else_can_be_written(system: Composed) -> None:
    for service, volume in (
        ("worker-sync", "/var/lib/tq"),
        ("sandbox", "/var/lib/tq-sandbox"),
        ("redis", "/data"),
    ):
        (name,) = system.containers(service)
        tried = f"stat -c %u {volume} && id -u && touch {volume}/tried && rm {volume}/tried && ! touch /tried 2>&1"
        owner, user, refused = system.inside(name, "sh", "-c", tried).splitlines()
        assert owner == user
        assert "Read-only" in refused


def test_prometheus_finds_every_worker_and_the_http_entry_point_by_itself(system: Composed) -> None:
    (prometheus,) = system.containers("prometheus")

    def parts_up() -> int:
        url = "http://127.0.0.1:9090/api/v1/query?query=up"
        answer = json.loads(system.inside(prometheus, "wget", "-qO-", url))
        return sum(row["value"][1] == "1" for row in answer["data"]["result"])

    # the workers of the other queues, and the entry point
    assert until(lambda: parts_up() == EVENTS_WORKERS + 3, within_s=120, every_s=1)


def test_a_killed_worker_comes_back_and_no_payload_is_lost_or_doubled(
    system: Composed, composed_threatq: SandboxThreatQ, sender: Sender
) -> None:
    with sender.under_load():
        victim = next(system.state("worker-events"))
        os.kill(victim["pid"], signal.SIGKILL)
        until(
            lambda: next(system.state("worker-events"))["pid"] not in (0, victim["pid"]),
            within_s=60,
            every_s=0.5,
        )
        wait_until_healthy(system, "worker-events")

    assert_every_payload_is_one_event(composed_threatq, sender)


def test_a_new_image_replaces_the_old_one_under_load_and_no_payload_is_lost_or_doubled(
    system: Composed, composed_threatq: SandboxThreatQ, sender: Sender
) -> None:
    # Given images of another version
    parts = (
        "worker-events",
        "worker-enrichment",
        "worker-sync",
        "beat",
        "redis-bridge",
        "http-shim",
        "flower",
    )
    for name in ("tq-workers", "tq-workers-http", "tq-workers-flower"):
        system.call("tag", f"{name}:local", f"{name}:next")

    # When they are put in place while payloads come in
    with sender.under_load():
        system.up(*parts, DEPLOY_VERSION="next")
        wait_until_healthy(system)

    # Then every part runs from them
    assert {part["image"].rpartition(":")[2] for part in system.state(*parts)} == {"next"}
    assert_every_payload_is_one_event(composed_threatq, sender)


def test_everything_stops_by_itself_within_its_grace_period(system: Composed) -> None:
    system.compose("stop")

    # None had to be killed when its time was over, which is code 137; 3 is a bridge whose Redis stopped before it
    stopped = {part["name"]: part["code"] for part in system.state() if not part["runs"]}
    assert set(stopped) == set(system.containers())
    assert {name: code for name, code in stopped.items() if code == 137} == {}
