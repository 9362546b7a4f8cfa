"""How the HTTP entry point asks to come later, where a sender knows what a 429 means, and where one tries tokens."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from redis import Redis

from producers.http.auth import AT_ONCE
from tests.support.producers import SENDER, Shim, event
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.integration


@pytest.fixture
def polite(tmp_path_factory: pytest.TempPathFactory, redis_url: str, redis: Redis) -> Iterator[Shim]:
    """A producer of its own that answers 429 and takes two jobs."""
    with Shim(
        tmp_path_factory.mktemp("polite"), redis_url, http_busy_status="429", max_open_jobs="2"
    ) as shim:
        yield shim


def test_the_status_that_was_set_asks_to_come_later_and_says_when(polite: Shim, admin: LedgerAdmin) -> None:
    # Given a producer whose queue is full
    assert polite.post("/v1/events", [event(1), event(2)]).status_code == 202
    # When another payload comes
    answer = polite.post("/v1/events", event(3))
    # Then it is refused as too many, and a load balancer is still told that the producer is not ready
    assert (answer.status_code, answer.json()["code"]) == (429, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert polite.call("GET", "/readyz").status_code == 503
    assert admin.open_jobs()["events"] == 2


def test_an_address_that_tries_tokens_is_slowed_down_and_right_ones_are_not(polite: Shim) -> None:
    # When wrong tokens are tried from the address of a sender
    tried = [polite.post("/v1/events", event(2), token=f"try-{number}") for number in range(AT_ONCE + 1)]
    # Then the eleventh is asked to come later
    assert [answer.status_code for answer in tried] == [401] * AT_ONCE + [429]
    assert tried[-1].json()["code"] == "too_many_attempts"
    assert int(tried[-1].headers["Retry-After"]) >= 1
    # And right tokens are taken, and a request without one is asked for it
    assert polite.post("/v1/events", event(2), token=SENDER).status_code == 202
    assert polite.post("/v1/events", event(2)).status_code == 202
    assert requests.post(f"{polite.url}/v1/events", json=event(2), timeout=30).status_code == 401


def test_a_batch_that_no_queue_can_hold_is_refused_for_good_with_the_limit(
    polite: Shim, admin: LedgerAdmin
) -> None:
    # Given a producer whose queue may hold two jobs
    # When three come in one request, whether all or nothing is wanted or not
    for query in ("", "?atomic=true"):
        answer = polite.post(f"/v1/events{query}", [event(1), event(2), event(3)])
        # Then the answer is no invitation to come again
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_items")
        assert "Retry-After" not in answer.headers
        assert answer.json()["detail"] == (
            "3 at once, and a queue may hold 2 open jobs (TQ_MAX_OPEN_JOBS): this is never accepted; "
            "send smaller batches"
        )
    # and smaller batches are accepted
    assert polite.post("/v1/events", [event(1), event(2)]).status_code == 202
    assert admin.open_jobs()["events"] == 2


def test_requests_that_come_together_are_not_refused_for_being_many(polite: Shim) -> None:
    # Given a queue that may hold two jobs; when four senders send one each at the same moment
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: polite.post("/v1/events", event(number)), range(4)))
    # Then two are accepted and the others may come again
    assert sorted(answer.status_code for answer in answers) == [202, 202, 429, 429]
