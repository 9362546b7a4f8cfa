"""A job of which only its marker is left, wherever a person or a program looks for it by its id."""

from __future__ import annotations

import json

import pytest

from producers.smart_response.job import main as tq_job
from tests.support.browsing import Visitor
from tests.support.operator import Operator
from tests.support.producers import READER, Shim, event
from workers.core.results import EventResult
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.records import done

pytestmark = pytest.mark.integration

SENTENCE = "event 4711; its content is no longer kept"


@pytest.fixture
def job_id(shim: Shim, ledger: Ledger) -> str:
    """A payload whose event was made so long ago that its content is forgotten."""
    job_id = str(shim.post("/v1/events", event(1)).json()["id"])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, EventResult(event_id=4711))])
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    return job_id


def test_http_answers_its_state_and_its_event(shim: Shim, job_id: str) -> None:
    answer = shim.call("GET", f"/v1/jobs/{job_id}", token=READER)
    assert answer.status_code == 200
    job = answer.json()
    assert (job["state"], job["result"]) == ("done", {"event_id": 4711})
    assert SENTENCE in job["note"]


def test_the_page_says_what_is_left_of_it_and_search_leads_there(reader: Visitor, job_id: str) -> None:
    for path in (f"/jobs/{job_id}", f"/jobs?q={job_id}"):
        answer = reader.get(path)
        assert answer.status_code == 410
        assert SENTENCE in answer.text


def test_tqctl_and_tq_job_say_it_too(
    operator: Operator, job_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert SENTENCE in operator.types("jobs", "show", job_id).out
    shown = operator.asks("jobs", "show", job_id)
    assert (shown["state"], shown["event_id"]) == ("done", 4711)
    assert tq_job([job_id]) == 0
    assert SENTENCE in capsys.readouterr().out
    assert tq_job([job_id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["event_id"] == 4711
