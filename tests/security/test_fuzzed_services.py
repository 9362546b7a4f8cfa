"""ThreatQ's answers with anything in them changed: the handler ends with an outcome or with an error of ours."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
from msgspec import structs

from tests.support.event_requests import assert_complete, request
from tests.support.mutating import Mutating
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.scripted import scripted
from workers.actions.handler import act
from workers.core.errors import TqError
from workers.core.retry import RetryPolicy
from workers.payload.options import DialectOptions
from workers.settings.model import Settings
from workers.threatq import client
from workers.threatq.collections import Collection, read_pages
from workers.threatq.event_creation import create_events
from workers.threatq.service import connect

pytestmark = pytest.mark.integration

#: Answers that are changed; `make fuzz` changes 10,000.
ANSWERS = int(os.environ.get("FUZZED_ANSWERS", "150"))

SEED = 20_261_127


ACTIONS = (
    ("indicators.add", {}),
    ("indicators.lookup", {}),
    ("indicators.mark", {"verdict": "true positive"}),
    ("indicators.mark", {"verdict": "false positive"}),
    ("indicators.whitelist", {}),
)


@pytest.fixture
def hostile(
    threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Mutating, Settings]]:
    """A ThreatQ of which one answer in three is changed, and no pauses between tries."""
    monkeypatch.setattr(client, "RETRY", RetryPolicy(first_s=0.0, most_s=0.0, tries=3))
    mutating = Mutating(threatq_sandbox.url, seed=SEED, share=0.3)
    with scripted(mutating.script) as server:
        yield mutating, structs.replace(threatq_sandbox.settings(), threatq_url=server.url)


def test_whatever_threatq_answers_an_event_ends_in_an_outcome_or_an_error_of_ours(
    threatq_sandbox: SandboxThreatQ, hostile: tuple[Mutating, Settings]
) -> None:
    mutating, settings = hostile
    # When events are made until enough answers were changed
    for number in itertools.count(1):
        if number % 5 == 1:
            threatq = connect(settings)
        with suppress(TqError):
            outcomes = create_events(threatq, [request(number), request(number + 10**6)])
            # Then each event has an outcome
            assert len(outcomes) == 2
        if mutating.mutated >= ANSWERS:
            break
    # And afterwards an event is made whole
    mutating.share = 0.0
    wanted = request(10**7)
    (outcome,) = create_events(connect(settings), [wanted])
    assert_complete(threatq_sandbox, outcome, wanted)


def test_whatever_threatq_answers_an_action_ends_in_a_result_or_an_error_of_ours(
    hostile: tuple[Mutating, Settings],
) -> None:
    mutating, settings = hostile
    # When actions are done on a few indicators until enough answers were changed
    for number in itertools.count(1):
        if number % 5 == 1:
            threatq = connect(settings)
        kind, more = ACTIONS[number % len(ACTIONS)]
        arguments = {"type": "FQDN", "value": f"n{number % 7}.bad.example", **more}
        with suppress(TqError):
            assert act(kind, arguments, threatq, DialectOptions()).said
        if mutating.mutated >= ANSWERS:
            break
    # And afterwards an action has its result
    mutating.share = 0.0
    done = act(
        "indicators.add", {"type": "FQDN", "value": "last.bad.example"}, connect(settings), DialectOptions()
    )
    assert done.found


def test_whatever_threatq_answers_a_collection_is_read_whole_or_ends_in_an_error_of_ours(
    threatq_sandbox: SandboxThreatQ, hostile: tuple[Mutating, Settings]
) -> None:
    mutating, settings = hostile
    threatq_sandbox.control("seed", {"indicators": 40})
    everything = Collection("Any", {"criteria": {}})
    # When the collection is read page by page until enough answers were changed
    while mutating.mutated < ANSWERS:
        with suppress(TqError):
            for page in read_pages(connect(settings).caller, everything, size=10):
                # Then each row is one that can be worked with
                assert all(isinstance(row.value, str) and row.id for row in page.rows)
    # And afterwards it is read whole
    mutating.share = 0.0
    read = [row for page in read_pages(connect(settings).caller, everything, size=10) for row in page.rows]
    assert len(read) == 40
