"""Firings of a detection, and a worker of the queue events that groups them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec import structs

from tests.support.sandbox_threatq import SandboxThreatQ
from workers.consumer import QueueHandler, consume
from workers.core.jobs import Job
from workers.events.grouping import place
from workers.events.handler import make_enabled
from workers.events.planning import PlannedEvent, plan_of
from workers.events.update import ask_for_updates
from workers.leases import Attempt
from workers.ledger import keys
from workers.ledger.connection import now_ms
from workers.ledger.groups import Groups
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement
from workers.ledger.small_writes import write
from workers.runtime import Runtime


def firing(number: int, *, rule: str = "Beacon", source: str = "Suricata", **fields: Any) -> dict[str, Any]:
    """Return a payload that no other number shares; each names an address of its own."""
    return {
        "event_type": "Sighting",
        "event_name": rule,
        "event_source": source,
        "event_happened_at": f"2026-01-02T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "event_attributes": f"Number<|{number}",
        "uri_source": f"203.0.{number // 250 % 250}.{number % 250 + 1}",
        **fields,
    }


class Firings:
    """A ledger, a ThreatQ and workers with some settings; `threatq` makes a new event for each request to make one."""

    def __init__(self, runtime: Runtime, threatq: SandboxThreatQ, **settings: Any) -> None:
        self.settings = structs.replace(runtime.settings, settings_from="local", **settings)
        self.runtime, self.threatq = Runtime(self.settings), threatq
        self.ledger: Ledger = self.runtime.ledger
        threatq.behave(event_key="none")

    @property
    def groups(self) -> Groups:
        return self.runtime.groups

    def send(self, *payloads: dict[str, Any]) -> list[str]:
        """Have payloads accepted; return the ids of their jobs."""
        jobs = [Job("events.create", {"payload": payload}, producer="cli") for payload in payloads]
        return [answer.id for answer in self.ledger.accept(jobs)]

    def open(self) -> str:
        """Have the first firing of a group make its event; return its job."""
        (job_id,) = self.send(firing(0))
        self.work()
        return job_id

    def alarms(self, *numbers: int) -> None:
        """Have alarms of one rule accepted, each seen at an address of its own."""
        observed = [{"SIP": f"203.0.113.{number}"} for number in numbers]
        alarms = [
            {"alarm_id": str(number), "alarm_name": "Brute force", "alarm_date": "", "observed": seen}
            for number, seen in zip(numbers, observed, strict=True)
        ]
        self.ledger.accept([Job("sightings.add", alarm, producer="smart-response") for alarm in alarms])

    def place(self, claims: Sequence[Claim]) -> None:
        """Ask for the places of firings, as a worker does before it makes their events."""
        options = self.runtime.dialect()
        steps = [plan_of(claim, options) for claim in claims]
        place([step for step in steps if isinstance(step, PlannedEvent)], self.groups, options.grouping)

    def handle(self, attempt: Attempt) -> list[Settlement]:
        """Handle what was claimed, as the task of the queue does."""
        runtime = self.runtime
        return make_enabled(attempt, runtime.threatq, runtime.page(), runtime.dialect(), runtime.groups)

    def work(self) -> int:
        """Work until nothing is ready, however many wake-ups that takes on a busy machine; return how many it were."""
        wake_up = partial(consume, QueueHandler("events", self.handle, 100), self.ledger, self.runtime.leases)
        return sum(iter(wake_up, 0))

    def flush(self) -> int:
        """Let the time pass after which events are told of what joined their groups, and tell them."""
        asked = self.ask()
        self.work()
        return asked

    def ask(self) -> int:
        """Let that time pass, and ask for the updates."""
        redis = self.runtime.redis
        for group in redis.zrange(keys.GROUPS_DUE, 0, -1):
            write(redis, ("ZADD", keys.GROUPS_DUE, 0, group))
        return ask_for_updates(self.ledger, self.groups)

    def events(self) -> list[dict[str, Any]]:
        """Return the events that ThreatQ has, each with `facts`: its attributes by name."""
        events: Sequence[dict[str, Any]] = self.threatq.get(
            "/api/events", **{"with": "attributes,indicators"}
        )["data"]
        for event in events:
            event["facts"] = {row["name"]: row["value"] for row in event["attributes"]}
        return list(events)

    def now_ms(self) -> int:
        return now_ms(self.runtime.redis)
