"""Event plans carried out by a ThreatQ that is poorer or odder than the simulated one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from sandbox.threatq.model import clock
from tests.support.event_requests import (
    CONSUME,
    assert_complete,
    events_in,
    pairs,
    related,
    request,
)
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.errors import LeaseLost
from workers.threatq.client import Client, Params
from workers.threatq.errors import ServerFault, ServiceRefusal
from workers.threatq.event_creation import create_events
from workers.threatq.event_draft import Done, RejectedEvent
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration


def test_an_event_on_which_threatq_fails_inside_costs_no_other(threatq_sandbox: SandboxThreatQ) -> None:
    def fails(_method: str, path: str, json: Any) -> Any:
        if path == CONSUME and any("fatal" in item["title"] for item in json):
            raise ServerFault("threatq", "500")
        return json

    wanted = [request(number, title="fatal" if number == 2 else f"t{number}") for number in range(6)]
    outcomes = create_events(twisted(threatq_sandbox, fails), wanted)
    assert [isinstance(outcome, RejectedEvent) for outcome in outcomes] == [
        number == 2 for number in range(6)
    ]


class Twisted:
    """A client before a ThreatQ that is poorer or odder than the simulated one."""

    def __init__(self, client: Client, twist: Callable[[str, str, Any], Any]) -> None:
        self._client, self._twist = client, twist

    @property
    def base(self) -> str:
        return self._client.base

    def call(self, method: str, path: str, *, params: Params | None = None, json: object = None) -> Any:
        return self._client.call(method, path, params=params, json=self._twist(method, path, json))


def twisted(sandbox: SandboxThreatQ, twist: Callable[[str, str, Any], Any]) -> ThreatQ:
    settings = sandbox.settings()
    return ThreatQ(Twisted(Client.from_settings(settings), twist), settings)


def without_consume(_method: str, path: str, json: Any) -> Any:
    if path.endswith("/consume") and "indicators" not in path:
        raise ServiceRefusal("no such call", status=404)
    return json


def test_a_threatq_without_the_bulk_call_gets_single_ones(threatq_sandbox: SandboxThreatQ) -> None:
    threatq = twisted(threatq_sandbox, without_consume)
    wanted = [request(number) for number in range(3)]
    for outcome, event_request in zip(create_events(threatq, wanted), wanted, strict=True):
        assert_complete(threatq_sandbox, outcome, event_request)
    assert not threatq.consumes_events


def take_over() -> None:
    raise LeaseLost


@pytest.mark.parametrize(
    "twist", [lambda _method, _path, json: json, without_consume], ids=["bulk", "single"]
)
def test_a_worker_that_lost_its_job_to_another_makes_no_event(
    twist: Callable[[str, str, Any], Any], threatq_sandbox: SandboxThreatQ
) -> None:
    threatq = twisted(threatq_sandbox, twist)
    create_events(threatq, [request(0)])
    with pytest.raises(LeaseLost):
        create_events(threatq, [request(1), request(2)], take_over)
    assert len(events_in(threatq_sandbox)) == 1


def test_it_is_asked_anew_before_each_call_that_makes_events(threatq_sandbox: SandboxThreatQ) -> None:
    # Given a bulk that is refused as a whole, so that it is halved
    threatq_sandbox.behave(bulk_errors="request", poison=["Detection 3"])
    said: list[str] = []

    def listen(method: str, path: str, json: Any) -> Any:
        said.append(f"{method} {path}")
        return json

    # When it is carried out
    create_events(
        twisted(threatq_sandbox, listen),
        [request(number) for number in range(4)],
        lambda: said.append("still ours?"),
    )
    # Then nothing comes between the question and the call
    asked = [at for at, what in enumerate(said) if what == "still ours?"]
    assert [said[at + 1] for at in asked] == [f"POST {CONSUME}"] * len(asked)
    assert said.count(f"POST {CONSUME}") == len(asked) > 1


def without_inline(_method: str, path: str, json: Any) -> Any:
    keep = ("title", "type", "happened_at", "description", "sources")
    return [{key: item[key] for key in keep} for item in json] if path == CONSUME else json


def test_a_threatq_that_ignores_inline_relations_gets_them_by_calls(threatq_sandbox: SandboxThreatQ) -> None:
    threatq = twisted(threatq_sandbox, without_inline)
    wanted = [request(number) for number in range(3)]
    for outcome, event_request in zip(create_events(threatq, wanted), wanted, strict=True):
        assert_complete(threatq_sandbox, outcome, event_request)
    assert not any(threatq.inline.values())


class Silent(Twisted):
    """A client before a ThreatQ that does not tell whether it had an object before."""

    def call(self, method: str, path: str, *, params: Params | None = None, json: object = None) -> Any:
        body = super().call(method, path, params=params, json=json)
        for row in body.get("data", ()) if isinstance(body.get("data"), list) else ():
            row.pop("existing", None)
        return body


def test_two_payloads_that_threatq_takes_for_one_event_are_both_kept_on_it(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    # Given two jobs of the same title, type and time, of which a ThreatQ makes one event and does not say so
    first, second = request(1), request(2, title=request(1).plan.title)
    made: list[str] = []

    def leaves_an_older_event_as_it_is(method: str, path: str, json: Any) -> Any:
        made.append(path)
        return without_inline(method, path, json) if made.count(CONSUME) == 2 else json

    settings = threatq_sandbox.settings()
    threatq = ThreatQ(Silent(Client.from_settings(settings), leaves_an_older_event_as_it_is), settings)
    # When they come together
    outcomes = create_events(threatq, [first, second])
    # Then the event has what belongs to either
    (event,) = events_in(threatq_sandbox)
    assert {outcome.event_id for outcome in outcomes if isinstance(outcome, Done)} == {event["id"]}
    values = {i.value for plan in (first.plan, second.plan) for i in plan.indicators}
    assert related(threatq_sandbox, event["id"], "indicators") == values
    assert {("TQ Job ID", "job1"), ("TQ Job ID", "job2")} <= pairs(event)


def test_an_event_that_happens_later_than_it_was_made_is_still_found_again(
    threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an event of ten days ago that was said to happen five days later, and newer ones of the same title
    threatq_sandbox.behave(event_key="none")
    threatq = ThreatQ(Client.from_settings(threatq_sandbox.settings()), threatq_sandbox.settings())
    accepted = datetime.now(UTC) - timedelta(days=10)
    happened = (accepted + timedelta(days=5)).strftime(clock.FORMAT)
    wanted = structs.replace(request(1, title="scheduled", happened_at=happened), accepted_at=accepted)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: int(accepted.timestamp()))
        (first,) = create_events(threatq, [wanted])
        patch.setattr(clock, "now", lambda: int((accepted + timedelta(days=1)).timestamp()))
        create_events(
            threatq, [request(number, title="scheduled", indicators=()) for number in range(2, 222)]
        )
    # When its job is tried again today
    (again,) = create_events(threatq, [structs.replace(wanted, first_attempt=False)])
    # Then no second one is made
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (again.event_id, again.existing) == (first.event_id, True)


def test_a_bulk_that_is_refused_but_kept_in_part_makes_no_event_twice(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    threatq_sandbox.behave(event_key="none")
    client = Client.from_settings(threatq_sandbox.settings())

    def keeps_a_part(_method: str, path: str, json: Any) -> Any:
        if path == CONSUME and len(json) > 1:
            client.call("POST", CONSUME, json=json[:2])
            raise ServiceRefusal("item 2 is bad", status=400)
        return json

    wanted = [request(number) for number in range(4)]
    outcomes = create_events(twisted(threatq_sandbox, keeps_a_part), wanted)
    assert len(events_in(threatq_sandbox)) == 4
    for outcome, event_request in zip(outcomes, wanted, strict=True):
        assert_complete(threatq_sandbox, outcome, event_request)
