"""A sender whose jobs keep being refused is slowed down alone, and told why; all others are served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from requests import Response

from producers.smart_response.link import connect
from producers.smart_response.settings import StubSettings
from tests.support.operator import Operator
from tests.support.producers import READER, TOKEN, Shim
from tests.support.slowed import let_time_pass
from tests.support.waiting import until
from workers.consumer import QueueHandler, consume
from workers.core.errors import Rejected, SlowedDown
from workers.core.jobs import Job
from workers.core.results import ActionResult
from workers.leases import Attempt, Leases
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.records import Settlement, done

pytestmark = pytest.mark.integration

#: As many as stopped every analyst before.
MANY = 60


@pytest.fixture
def own_shim(tmp_path: Path, redis_url: str) -> Iterator[Shim]:
    """An entry point with two analysts' tools."""
    tokens = f"careless:actions+events:{TOKEN},careful:actions+events:{READER}"
    with Shim(tmp_path, redis_url, http_tokens=tokens) as shim:
        yield shim


def ask(shim: Shim, value: str, token: str = TOKEN) -> Response:
    return shim.post("/v1/actions/lookup", {"type": "FQDN", "value": value}, token=token)


def told(send: Callable[[], Response], status: int) -> Response:
    """Send until that is answered; the entry point asks the ledger once a second."""

    def answered() -> list[Response]:
        answer = send()
        return [answer] if answer.status_code == status else []

    (answer,) = until(answered)
    return answer


def work(ledger: Ledger) -> int:
    """Do what is ready; what is bad is refused."""

    def handle(attempt: Attempt) -> list[Settlement]:
        (claim,) = attempt.claims
        if claim.arguments["value"].startswith("bad"):
            raise Rejected("value: is no FQDN; correct it")
        return [done(claim, ActionResult("Found", True, "FQDN"))]

    return consume(QueueHandler("enrichment", handle, 1), ledger, Leases(ledger))


def refuse_many(own_shim: Shim, ledger: Ledger) -> None:
    """Let one sender ask for nothing but what is refused."""
    for number in range(MANY):
        assert ask(own_shim, f"bad{number}.example").status_code == 202
    work(ledger)


def test_sixty_refused_actions_of_one_sender_slow_it_down_and_no_other(
    own_shim: Shim, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given a sender of whom sixty actions were refused
    refuse_many(own_shim, ledger)
    assert len(admin.ids("dead", most=1000)) == MANY
    # Then the queue goes on, and another one's action is done
    assert admin.paused() == set()
    other = ask(own_shim, "good.example", READER).json()["id"]
    work(ledger)
    record = admin.record(other)
    assert record is not None
    assert record.state == "done"
    # And the first one is told to come later, and why
    refused = told(lambda: ask(own_shim, "good2.example"), 429)
    assert refused.json()["code"] == "slowed_down"
    assert "the last 60 jobs of http careless were refused" in refused.json()["detail"]
    assert "is no FQDN" in refused.json()["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_payloads_of_a_slowed_sender_get_the_status_after_which_nifi_sends_again(
    own_shim: Shim, ledger: Ledger
) -> None:
    refuse_many(own_shim, ledger)
    payload = {"event_name": "a", "event_type": "Sighting"}
    answer = told(lambda: own_shim.post("/v1/events", payload), 503)
    assert answer.json()["code"] == "slowed_down"
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_slowed_sender_is_heard_again_after_a_while_and_freely_once_one_of_its_jobs_is_done(
    own_shim: Shim, ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    # Given a slowed sender whose wait is over
    refuse_many(own_shim, ledger)
    let_time_pass(redis)
    until(lambda: ask(own_shim, "bad-again.example").status_code == 202)
    # When it is refused once more
    work(ledger)
    # Then it waits again
    until(lambda: ask(own_shim, "good.example").status_code == 429)
    # And when one of its jobs is done
    let_time_pass(redis)
    until(lambda: ask(own_shim, "good.example").status_code == 202)
    work(ledger)
    # Then nothing is held against it any more
    assert redis.hgetall(keys.SENDERS) == {}


def test_what_is_counted_of_senders_expires(own_shim: Shim, ledger: Ledger, redis: Redis) -> None:
    refuse_many(own_shim, ledger)
    assert redis.hlen(keys.SENDERS) == 1
    assert 0 < redis.pttl(keys.SENDERS) <= 3_600_000
    # One that was refused long ago begins anew, whatever others were refused meanwhile
    (name,) = redis.hkeys(keys.SENDERS)
    redis.hset(keys.SENDERS, name, f"60 0 {now_ms(redis) - 3_600_001} old".encode())
    assert ask(own_shim, "bad-at-last.example").status_code == 202
    work(ledger)
    assert redis.hget(keys.SENDERS, name).startswith(b"1 0 ")


def test_a_stub_is_told_and_keeps_what_it_was_to_send(redis: Redis, redis_url: str, ledger: Ledger) -> None:
    # Given Smart Response commands of which many were refused
    jobs = [
        Job("indicators.lookup", {"type": "FQDN", "value": f"bad{n}"}, producer="smart-response")
        for n in range(MANY)
    ]
    ledger.accept(jobs)
    work(ledger)
    good = Job("indicators.lookup", {"type": "FQDN", "value": "good"}, producer="smart-response")
    link = connect(StubSettings(redis_url, max_open_jobs=1000))
    # When the next one is sent
    with pytest.raises(SlowedDown, match="the last 60 jobs of smart-response were refused") as caught:
        link.accept([good])
    # Then it is told for how long
    assert 1 <= (caught.value.after or 0) <= 60
    # And may send after that
    let_time_pass(redis)
    assert link.accept([good])[0].created
    link.close()


def test_the_operator_sees_who_is_slowed_down(own_shim: Shim, ledger: Ledger, operator: Operator) -> None:
    refuse_many(own_shim, ledger)
    (slowed,) = operator.asks("status", "--no-workers")["slowed"]
    assert (slowed["sender"], slowed["refused"]) == ("http careless", MANY)
    assert "http careless" in operator.types("status", "--no-workers").out
