"""Events of earlier attempts are looked for, many titles in one search where ThreatQ takes that; none is doubled."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.event_requests import events_in, request
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.threatq.event_creation import create_events
from workers.threatq.event_draft import Done, EventRequest, Outcome
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration

SEARCH = "GET /api/events"


@pytest.fixture
def sandbox(threatq_sandbox: SandboxThreatQ) -> SandboxThreatQ:
    """A ThreatQ that does not notice by itself that an event is there."""
    threatq_sandbox.behave(event_key="none")
    return threatq_sandbox


def batch(first: int, count: int = 50) -> list[EventRequest]:
    """Return the first attempts of a batch that Redis accepted just before it was restarted."""
    return [request(number, first_attempt=False) for number in range(first, first + count)]


def searches(sandbox: SandboxThreatQ, threatq: ThreatQ, requests: Sequence[EventRequest]) -> int:
    """Make the events and return how many searches that took."""
    before = sandbox.calls().get(SEARCH, 0)
    create_events(threatq, requests)
    return sandbox.calls()[SEARCH] - before


def event_ids(outcomes: Sequence[Outcome]) -> list[int]:
    return [outcome.event_id for outcome in outcomes if isinstance(outcome, Done)]


def test_a_batch_after_a_restart_costs_a_search_or_two_instead_of_one_a_payload(
    sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    # Given a ThreatQ with events in it, and a worker that has not looked for any yet
    create_events(threatq, [request(number) for number in range(900, 903)])
    assert threatq.joins_titles is None
    # When it looks for those of a first batch, then it learns by two calls that one search finds many titles
    assert searches(sandbox, threatq, batch(0)) == 2 + 1
    # And from then on it asks no more
    assert searches(sandbox, threatq, batch(50)) == 1
    assert searches(sandbox, threatq, batch(100, 200)) <= 3
    assert len(events_in(sandbox)) == 303


def test_in_a_threatq_without_two_events_each_title_is_a_search_of_its_own(
    sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    assert searches(sandbox, threatq, batch(0)) == 1 + 50
    assert threatq.joins_titles is None
    assert searches(sandbox, threatq, batch(50)) == 2 + 1


def test_what_an_earlier_attempt_made_is_found_among_many_titles_and_never_made_twice(
    sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    # Given a worker that knows it, and events of which some have odd titles and two have the same
    create_events(threatq, batch(1000, 2))
    create_events(threatq, batch(2000, 2))
    assert threatq.joins_titles
    odd = ["a, b", "100 %", "x" * 500, "back\\slash", "Detection 7", "twin", "twin", "ünï, cödé", "é" * 90]
    wanted = [request(n, first_attempt=False, title=title) for n, title in enumerate(odd)] + batch(100)
    made = event_ids(create_events(threatq, wanted))
    count = len(events_in(sandbox))
    assert len(set(made)) == len(wanted)
    # When the same are attempted again, with new ones between them
    again = event_ids(create_events(threatq, [*wanted, *batch(500)]))
    # Then each finds its own, and only the new ones are made
    assert again[: len(wanted)] == made
    assert len(events_in(sandbox)) == count + 50
    assert count == len(wanted) + 4


def test_a_threatq_for_which_a_comma_is_text_is_searched_title_by_title(
    sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    # Given such a ThreatQ with events in it
    sandbox.behave(comma_is_or=False)
    create_events(threatq, [request(number) for number in range(900, 903)])
    # When batches are looked for
    made = event_ids(create_events(threatq, batch(0)))
    # Then the proof fails, each title stays a search of its own, and nothing is made twice
    assert threatq.joins_titles is False
    assert searches(sandbox, threatq, batch(0)) == 50
    assert event_ids(create_events(threatq, batch(0))) == made
    assert len(events_in(sandbox)) == 53


def test_a_search_for_many_that_does_not_end_soon_is_left_for_one_by_one(
    sandbox: SandboxThreatQ, threatq: ThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_events(threatq, batch(1000, 2))
    made = event_ids(create_events(threatq, batch(0, 20)))
    # When pages are small and few, and the events are on the last of them
    monkeypatch.setattr("workers.threatq.search.PAGE_SIZE", 2)
    monkeypatch.setattr("workers.threatq.earlier_events.MOST_PAGES", 3)
    again = event_ids(create_events(threatq, batch(0, 20)))
    # Then all are found nevertheless
    assert again == made
    assert len(events_in(sandbox)) == 22


def test_a_first_attempt_at_any_other_time_searches_nothing(
    sandbox: SandboxThreatQ, threatq: ThreatQ
) -> None:
    create_events(threatq, [request(number) for number in range(20)])
    assert SEARCH not in sandbox.calls()
    assert threatq.joins_titles is None
