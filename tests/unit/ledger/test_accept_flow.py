"""What the accept protocol asks of a wire, and what it makes of the answers; no Redis is needed for it."""

from __future__ import annotations

from typing import Any

import pytest

from workers.core.errors import BatchTooLarge, Busy, ServiceAway
from workers.core.jobs import Job
from workers.ledger.accept import NO_SCRIPT, Acceptance, Accepted, Replicas, drive
from workers.ledger.accept_script import ACCEPT


class Wire:
    """Gives prepared answers and remembers what was sent."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers = list(answers)
        self.sent: list[list[tuple[Any, ...]]] = []

    def send(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        self.sent.append(commands)
        return self.answers.pop(0)

    @property
    def words(self) -> list[list[str]]:
        """The names of the commands that went out together."""
        return [[command[0] for command in commands] for commands in self.sent]


def event(number: int) -> Job:
    return Job("events.create", {"payload": {"n": number}}, producer="test")


def lookup() -> Job:
    return Job("indicators.lookup", {"type": "FQDN", "value": "bad.example"}, producer="test")


def accept(wire: Wire, jobs: list[Job], **terms: Any) -> list[Accepted]:
    return drive(Acceptance(**terms).flow(jobs), wire.send)


def test_jobs_of_one_queue_are_one_call_of_the_script_by_its_digest() -> None:
    wire = Wire([[]])
    answers = accept(wire, jobs := [event(1), event(2)])
    assert [answer.id for answer in answers] == [job.id for job in jobs]
    assert [command[:2] for command in wire.sent[0]] == [("EVALSHA", ACCEPT.sha)]


def test_a_redis_that_does_not_know_the_script_is_given_its_text() -> None:
    wire = Wire([NO_SCRIPT], [[]])
    (answer,) = accept(wire, [event(1)])
    assert answer.created
    assert [command[:2] for command in wire.sent[1]] == [("EVAL", ACCEPT.text)]


def test_jobs_of_several_queues_are_a_call_each_and_keep_their_order() -> None:
    jobs = [event(1), lookup(), event(2)]
    wire = Wire([[]], [[]], [[]])
    assert [answer.id for answer in accept(wire, jobs)] == [job.id for job in jobs]
    assert wire.words == [["EVALSHA"]] * 3


def test_replicas_are_waited_for_on_the_connection_that_wrote() -> None:
    wire = Wire([[], 1])
    accept(wire, [event(1)], replicas=Replicas(1, 50))
    assert wire.sent[0][1] == ("WAIT", 1, 50)


def test_after_the_script_was_sent_as_text_replicas_are_waited_for_again() -> None:
    wire = Wire([NO_SCRIPT, 1], [[], 0])
    with pytest.raises(ServiceAway, match="0 of 1 replicas"):
        accept(wire, [event(1)], replicas=Replicas(1, 50))
    assert wire.words == [["EVALSHA", "WAIT"], ["EVAL", "WAIT"]]


def test_no_jobs_ask_the_queue_of_events_whether_there_is_room() -> None:
    wire = Wire([[b"busy", 7, 7]])
    with pytest.raises(Busy, match="7 jobs of the queue events are open and 7 are allowed"):
        accept(wire, [], most_open=7)


def test_more_jobs_than_may_ever_be_open_are_refused_for_good_and_without_a_call() -> None:
    wire = Wire()
    with pytest.raises(BatchTooLarge, match=r"3 at once, and a queue may hold 2 open jobs .*smaller batches"):
        accept(wire, [event(1), event(2), event(3)], most_open=2)
    assert wire.sent == []
