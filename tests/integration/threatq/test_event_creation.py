"""Event plans carried out against the simulated ThreatQ, on good days and bad ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.event_requests import (
    CONSUME,
    again,
    assert_complete,
    events_in,
    pairs,
    related,
    request,
)
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.errors import BadCredentials, ServiceAway
from workers.indicators.model import Indicator
from workers.settings.model import Settings
from workers.threatq.client import Client
from workers.threatq.event_creation import create_events
from workers.threatq.event_draft import (
    JOB_ATTRIBUTE,
    Done,
    EventRequest,
    Outcome,
    RejectedEvent,
    WithheldEvent,
)
from workers.threatq.service import ThreatQ, connect

pytestmark = pytest.mark.integration


def test_a_plan_becomes_one_event_with_all_that_belongs_to_it(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    wanted = request(1)
    (outcome,) = create_events(threatq, [wanted])
    assert_complete(threatq_sandbox, outcome, wanted)
    assert isinstance(outcome, Done)
    assert outcome.link == f"{threatq_sandbox.url}/events/{outcome.event_id}/details"
    assert [made.existing for made in outcome.indicators] == [False, False, False]
    (found,) = threatq_sandbox.get(
        "/api/indicators", value="n1.bad.example", **{"with": "status,sources,attributes"}
    )["data"]
    assert found["status"]["name"] == "Review"
    assert [source["name"] for source in found["sources"]] == ["Detector"]
    assert [(a["name"], a["value"]) for a in found["attributes"]] == [("Role", "target")]


def test_a_hundred_payloads_cost_at_most_six_calls(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    create_events(threatq, [request(0)])
    threatq_sandbox.control("calls", method="DELETE")
    wanted = [request(number) for number in range(1, 101)]
    outcomes = create_events(threatq, wanted)
    calls = threatq_sandbox.control("calls", method="GET")["total"]
    assert calls / len(wanted) <= 0.06, threatq_sandbox.calls()
    assert len({outcome.event_id for outcome in outcomes if isinstance(outcome, Done)}) == 100
    for at in (0, 57, 99):
        assert_complete(threatq_sandbox, outcomes[at], wanted[at])


@pytest.mark.parametrize("bulk_errors", ["item", "request", "errors"])
@pytest.mark.parametrize("error_shape", ["fields", "list"])
def test_one_bad_plan_among_many_is_refused_alone(
    bulk_errors: str, error_shape: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(bulk_errors=bulk_errors, error_shape=error_shape, poison=["*poisoned*"])
    wanted = [request(number) for number in range(30)]
    wanted[17] = request(17, title="a poisoned title")
    outcomes = create_events(threatq, wanted)
    refused = outcomes[17]
    assert isinstance(refused, RejectedEvent)
    assert "title" in refused.reason
    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, RejectedEvent)] == [17]
    assert len(events_in(threatq_sandbox)) == 29
    assert_complete(threatq_sandbox, outcomes[18], wanted[18])


@pytest.mark.parametrize("bulk_errors", ["item", "request"])
def test_an_indicator_that_threatq_refuses_becomes_an_attribute_of_its_event(
    bulk_errors: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(bulk_errors=bulk_errors, poison=["n3.bad.example"])
    outcomes = create_events(threatq, [request(number) for number in range(6)])
    outcome = outcomes[3]
    assert isinstance(outcome, Done)
    assert len(outcome.indicators) == 2
    assert any("n3.bad.example" in warning for warning in outcome.warnings)
    (event,) = [event for event in events_in(threatq_sandbox) if event["id"] == outcome.event_id]
    assert ("FQDN", "n3.bad.example") in pairs(event)
    assert all(isinstance(other, Done) and not other.warnings for other in outcomes if other is not outcome)


def test_an_indicator_type_that_this_threatq_lacks_becomes_an_attribute(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    (outcome,) = create_events(threatq, [request(1, indicators=(Indicator("JA3 Hash", "abc"),))])
    assert isinstance(outcome, Done)
    assert "JA3 Hash" in outcome.warnings[0]
    assert ("JA3 Hash", "abc") in pairs(events_in(threatq_sandbox)[0])


@pytest.mark.parametrize("event_key", ["title+type+happened_at", "none"])
def test_an_answer_lost_after_the_work_was_done_leads_to_one_complete_event(
    event_key: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(event_key=event_key)
    wanted = [request(number) for number in range(5)]
    threatq_sandbox.fault("drop_after", next=1, path=CONSUME)
    with pytest.raises(ServiceAway):
        create_events(threatq, wanted)
    assert len(events_in(threatq_sandbox)) == 5
    outcomes = create_events(threatq, [again(earlier) for earlier in wanted])
    assert len(events_in(threatq_sandbox)) == 5
    for outcome, event_request in zip(outcomes, wanted, strict=True):
        assert_complete(threatq_sandbox, outcome, event_request)


@pytest.mark.parametrize(
    "path",
    [
        "/api/indicators/consume",
        "/api/identity/consume",
        "/api/malware/consume",
        "/api/asset/consume",
        CONSUME,
    ],
)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
def test_wherever_the_connection_breaks_the_second_attempt_completes(
    path: str, kind: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(event_key="none")
    threatq_sandbox.fault(kind, next=1, path=path)
    with pytest.raises(ServiceAway):
        create_events(threatq, [request(1)])
    (outcome,) = create_events(threatq, [request(1, first_attempt=False)])
    assert_complete(threatq_sandbox, outcome, request(1))
    assert len(events_in(threatq_sandbox)) == 1


def test_an_event_that_an_earlier_attempt_left_incomplete_is_completed(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    # Given a ThreatQ that has proved to take all that belongs to an event in one call with it
    create_events(threatq, [request(0)])
    # And a bare event, which is how far an earlier attempt came
    wanted = request(1, title="100% sure, and with a comma", first_attempt=False)
    bare = {
        "title": wanted.plan.title,
        "type": "Malware",
        "happened_at": wanted.plan.happened_at,
        "sources": [{"name": "Detector"}],
        "attributes": [{"name": JOB_ATTRIBUTE, "value": wanted.job_id}],
    }
    threatq_sandbox.post("/api/events", bare)
    # When the job is tried again, then nothing is missing and nothing is there twice
    (outcome,) = create_events(threatq, [wanted])
    assert_complete(threatq_sandbox, outcome, wanted)
    assert len(events_in(threatq_sandbox)) == 2


def test_an_equal_event_of_another_source_is_not_taken_for_ours(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(event_key="none")
    create_events(threatq, [request(1)])
    twin = EventRequest("another job", request(1).plan, first_attempt=False)
    (outcome,) = create_events(threatq, [twin])
    assert_complete(threatq_sandbox, outcome, twin)
    assert len(events_in(threatq_sandbox)) == 2


@pytest.mark.parametrize(("event_key", "count"), [("none", 3), ("title+type+happened_at", 1)])
def test_equal_titles_and_times_in_one_batch_are_not_confused(
    event_key: str, count: int, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(event_key=event_key)
    wanted = [
        request(number, title="same", indicators=(Indicator("FQDN", f"{number}.same.example"),))
        for number in range(3)
    ]
    outcomes = create_events(threatq, wanted)
    assert len(events_in(threatq_sandbox)) == count
    for outcome, event_request in zip(outcomes, wanted, strict=True):
        assert isinstance(outcome, Done)
        assert f"{event_request.plan.indicators[0].value}" in related(
            threatq_sandbox, outcome.event_id, "indicators"
        )
        (event,) = [event for event in events_in(threatq_sandbox) if event["id"] == outcome.event_id]
        assert (JOB_ATTRIBUTE, event_request.job_id) in pairs(event)


def test_a_token_that_dies_in_mid_run_costs_nothing(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    create_events(threatq, [request(1)])
    threatq_sandbox.control("tokens/revoke")
    (outcome,) = create_events(threatq, [request(2)])
    assert_complete(threatq_sandbox, outcome, request(2))


@pytest.mark.parametrize(("path", "asked"), [("/api/malware/consume", 0), (CONSUME, 1)])
def test_it_is_asked_whether_jobs_are_still_ours_only_where_an_event_may_be_made(
    path: str, asked: int, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.fault("error", status=503, path=path)
    questions: list[str] = []
    with pytest.raises(ServiceAway):
        create_events(threatq, [request(1), request(2)], lambda: questions.append("still ours?"))
    assert len(questions) == asked


def test_a_busy_threatq_says_when_to_come_back(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    threatq_sandbox.fault("rate_limit", next=1, path=CONSUME, retry_after=9)
    with pytest.raises(ServiceAway) as caught:
        create_events(threatq, [request(1)])
    assert caught.value.after == 9.0


@pytest.mark.parametrize("path", ["/api/indicators/consume", CONSUME])
def test_a_missing_right_costs_no_indicator_and_no_event(
    path: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.fault("bare", next=1, path=path)
    (outcome,) = create_events(threatq, [request(1)])
    assert isinstance(outcome, WithheldEvent)
    assert "right to create" in outcome.reason
    (outcome,) = create_events(threatq, [request(1, first_attempt=False)])
    assert_complete(threatq_sandbox, outcome, request(1))


#: A call that ThreatQ forbids, by what only one of two events needs it for.
FORBIDDEN = [
    ("/api/malware/consume", {"malware": ()}),
    ("/api/identity/consume", {"identities": ()}),
    ("/api/asset/consume", {"assets": ()}),
    ("/api/indicators/consume", {"indicators": ()}),
    ("/api/event/types", {}),
]


@pytest.mark.parametrize(("path", "without"), FORBIDDEN, ids=[path for path, _ in FORBIDDEN])
def test_a_right_that_one_event_needs_costs_no_other_of_its_batch(
    path: str, without: dict[str, Any], threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    # Given an account that may not do what only one of two events needs
    threatq_sandbox.fault("error", method="POST", status=403, path=path)
    needy = request(1, type="Unheard Of" if path.endswith("types") else "Malware")
    other = request(2, **without)
    # When both are made together
    withheld, made = create_events(threatq, [needy, other])
    # Then the other one is there, and the first one waits for that right
    assert_complete(threatq_sandbox, made, other)
    assert isinstance(withheld, WithheldEvent)
    assert f"ThreatQ forbids POST {path}" in withheld.reason
    # And once the right is given, it is made as well
    threatq_sandbox.control("faults", method="DELETE")
    (made,) = create_events(threatq, [again(needy)])
    assert_complete(threatq_sandbox, made, needy)


def test_a_second_layout_of_ids_changes_nothing(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    threatq_sandbox.control("reset", {"id_layout": "second"})
    (outcome,) = create_events(threatq, [request(1)])
    assert_complete(threatq_sandbox, outcome, request(1))


def test_an_event_type_that_another_worker_has_just_created_is_taken(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    # Given two workers that know the types of a while ago
    first, second = (connect(threatq_sandbox.settings()) for _ in range(2))
    assert first.lookups.event_type("7") is second.lookups.event_type("7") is None
    # When each has an event of the same new type, whose name might be an id
    for number, threatq in enumerate((first, second)):
        (outcome,) = create_events(threatq, [request(number, type="7")])
        # Then both are made
        assert_complete(threatq_sandbox, outcome, request(number, type="7"))


def test_an_unknown_event_type_is_created_or_refused_as_set(threatq_sandbox: SandboxThreatQ) -> None:
    settings = threatq_sandbox.settings()
    (outcome,) = create_events(connect(settings), [request(1, type="CloudTrail")])
    assert_complete(threatq_sandbox, outcome, request(1, type="CloudTrail"))
    strict = ThreatQ(Client.from_settings(settings), _strict(settings))
    refused, made = create_events(strict, [request(2, type="Unheard Of"), request(3)])
    assert refused == RejectedEvent(
        "ThreatQ has no event type 'Unheard Of'; create it there, or set unknown_event_type to create", "type"
    )
    assert isinstance(made, Done)


def _strict(settings: Settings) -> Settings:
    return Settings(
        **{name: getattr(settings, name) for name in ("threatq_url", "threatq_client_id", "threatq_email")},
        unknown_event_type="reject",
    )


def test_a_protected_status_stays(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    white = {"value": "n1.bad.example", "type": "FQDN", "status": "Whitelisted"}
    threatq_sandbox.post("/api/indicators", white)
    (outcome,) = create_events(threatq, [request(1)])
    assert isinstance(outcome, Done)
    assert [made.existing for made in outcome.indicators] == [False, True, False]
    (found,) = threatq_sandbox.get("/api/indicators", value="n1.bad.example", **{"with": "status"})["data"]
    assert found["status"]["name"] == "Whitelisted"


def test_what_the_description_has_no_room_for_becomes_one_comment(
    threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    create_events(threatq, [request(1, overflow="the rest")])
    (outcome,) = create_events(threatq, [request(1, overflow="the rest", first_attempt=False)])
    assert isinstance(outcome, Done)
    comments = threatq_sandbox.get(f"/api/events/{outcome.event_id}/comments")["data"]
    assert [comment["value"] for comment in comments] == ["the rest"]


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "error", "unauthorized"])
def test_on_a_bad_day_every_payload_still_becomes_one_complete_event(
    kind: str, threatq_sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    threatq_sandbox.behave(event_key="none")
    threatq_sandbox.fault(kind, ratio=0.12)
    wanted = [request(number) for number in range(3)]
    outcomes: list[Outcome] = []
    for _attempt in range(200):
        try:
            outcomes = create_events(threatq, wanted)
            break
        except (ServiceAway, BadCredentials):
            wanted = [again(earlier) for earlier in wanted]
    threatq_sandbox.control("faults", method="DELETE")
    assert len(events_in(threatq_sandbox)) == 3
    for outcome, event_request in zip(outcomes, wanted, strict=True):
        assert_complete(threatq_sandbox, outcome, event_request)


def test_many_threads_share_one_threatq(threatq_sandbox: SandboxThreatQ, threatq: ThreatQ) -> None:
    batches = [[request(10 * batch + number) for number in range(10)] for batch in range(8)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda batch: create_events(threatq, batch), batches))
    assert len(events_in(threatq_sandbox)) == 80
    assert_complete(threatq_sandbox, outcomes[5][3], batches[5][3])
