"""A job of which only its marker is left, wherever a person or a program looks for it by its id."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from redis import Redis

from producers.cli.report import outcome_of
from producers.enqueue import hand_over
from producers.smart_response.job import main as tq_job
from producers.smart_response.link import connect, outcome
from producers.smart_response.settings import StubSettings
from tests.support.browsing import Visitor
from tests.support.operator import Operator
from tests.support.producers import READER, Shim, event
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.records import done
from workers.ledger.spool import Spool
from workers.listsync.run.schedule import tell_setup
from workers.payload.intake import Intake, accepted_only
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

#: Where a browser shows the event, by the settings of the workers.
LINK = "https://tq.example/events/4711/details"

SENTENCE = f"event 4711 {LINK}; its content is no longer kept"


@pytest.fixture
def job_id(shim: Shim, ledger: Ledger) -> str:
    """A payload whose event was made so long ago that its content is forgotten."""
    job_id = str(shim.post("/v1/events", event(1)).json()["id"])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, EventResult(event_id=4711))])
    ledger.retention.retire(now_ms(ledger.redis) + 1)
    tell_setup(ledger.redis, Settings(threatq_url="tq.example"))
    return job_id


def test_http_answers_its_state_and_its_event(shim: Shim, job_id: str) -> None:
    answer = shim.call("GET", f"/v1/jobs/{job_id}", token=READER)
    assert answer.status_code == 200
    job = answer.json()
    assert (job["state"], job["result"]) == ("done", {"event_id": 4711, "link": LINK})
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
    assert (shown["state"], shown["event_id"], shown["link"]) == ("done", 4711, LINK)
    assert tq_job([job_id]) == 0
    assert SENTENCE in capsys.readouterr().out
    assert tq_job([job_id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["event_id"], told["link"]) == (4711, LINK)


def test_a_repeat_over_http_is_answered_with_its_state_its_event_and_the_link(
    shim: Shim, job_id: str
) -> None:
    answer = shim.post("/v1/events", event(1)).json()
    assert (answer["id"], answer["duplicate"]) == (job_id, True)
    assert (answer["status"], answer["event_id"], answer["link"]) == ("done", 4711, LINK)


def test_a_repeat_on_the_command_line_is_answered_so_too(
    job_id: str, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> None:
    (job,) = accepted_only(Intake("cli", 10_000).jobs(json.dumps(event(1)).encode()))
    assert job.id == job_id
    (handed,) = hand_over([job], ledger, Spool(str(tmp_path))).handed
    waited = outcome_of(handed, admin, None)
    assert waited is not None
    assert (waited.outcome, waited.result) == ("done", EventResult(event_id=4711, link=LINK))


def test_a_stub_s_repeat_is_answered_so_too(job_id: str, redis_url: str) -> None:
    (job,) = accepted_only(Intake("smart-response", 10_000).jobs(json.dumps(event(1)).encode()))
    link = connect(StubSettings(redis_url))
    (accepted,) = link.accept([job])
    assert outcome(link, accepted, "events", 0.0) == ("done", {"event_id": 4711, "link": LINK})
    link.close()


def test_where_no_worker_has_told_the_address_there_is_no_link(shim: Shim, job_id: str, redis: Redis) -> None:
    redis.delete(keys.EVENT_LINK)
    answer = shim.post("/v1/events", event(1)).json()
    assert (answer["event_id"], "link" in answer) == (4711, False)
