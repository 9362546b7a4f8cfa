"""What --explain shows is what ThreatQ is then asked for."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from producers.cli.dry_run import calls
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.payload.builder import plan_event
from workers.payload.options import from_settings
from workers.threatq.client import Client
from workers.threatq.event_creation import create_events
from workers.threatq.event_draft import Done, EventRequest
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration


class Listening:
    """Passes calls on and writes down those that make something."""

    def __init__(self, client: Client) -> None:
        self.base = client.base
        self.client = client
        self.made: list[tuple[str, str, Any]] = []

    def call(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: object = None
    ) -> Any:
        if method != "GET":
            self.made.append((method, path, copy.deepcopy(json)))
        return self.client.call(method, path, params=params, json=json)


def without_ids(made: list[tuple[str, str, Any]]) -> list[tuple[str, str, Any]]:
    """Return the calls without the ids of related objects, which ThreatQ gives."""
    related = {"indicators", "identity", "malware", "asset"}
    return [
        (method, path, [{k: len(v) if k in related else v for k, v in item.items()} for item in body])
        for method, path, body in made
    ]


def test_explaining_shows_the_calls_that_are_made(
    example_payload: dict[str, object], threatq_sandbox: SandboxThreatQ
) -> None:
    # given
    settings = threatq_sandbox.settings(
        private_ips="10.0.0.0/8",
    )
    payload = example_payload | {"malware": "Emotet", "uri_target": "FQDN:bad.example, IP Address:10.1.2.3"}
    plan = plan_event(payload, received_at=datetime.now(UTC), options=from_settings(settings))
    client = Client.from_settings(settings)

    # when
    explained = calls(plan, settings, "job")
    listening = Listening(client)
    (outcome,) = create_events(ThreatQ(listening, settings), [EventRequest("job", plan)])
    client.close()

    # then
    assert isinstance(outcome, Done)
    assert without_ids(explained) == without_ids(listening.made)
    assert len(explained) == 5
