"""The contract: ids and kinds."""

from __future__ import annotations

from workers.core.jobs import KINDS, QUEUES, Job
from workers.payload.actions import SHAPES, fields_of


def test_equal_payloads_are_the_same_job_whatever_the_order_of_their_keys() -> None:
    first = Job("events.create", {"payload": {"a": 1, "b": None}}, producer="cli")
    second = Job("events.create", {"payload": {"b": None, "a": 1}}, producer="http")
    assert first.id == second.id


def test_different_payloads_are_different_jobs() -> None:
    first = Job("events.create", {"payload": {"a": 1}}, producer="cli")
    second = Job("events.create", {"payload": {"a": 2}}, producer="cli")
    assert first.id != second.id


def test_an_action_gets_an_id_of_its_own_but_a_repeat_shares_its_key() -> None:
    first = Job("indicators.lookup", {"type": "FQDN", "value": "bad.example"}, producer="stub")
    second = Job("indicators.lookup", {"type": "FQDN", "value": "bad.example"}, producer="stub")
    assert first.id != second.id
    assert first.key == second.key


def test_actions_on_one_indicator_share_what_tells_a_repeat() -> None:
    about = {"type": "FQDN", "value": "bad.example"}
    lookup = Job("indicators.lookup", about, producer="stub")
    mark = Job("indicators.mark", {**about, "verdict": "true positive"}, producer="http")
    other = Job("indicators.lookup", {**about, "value": "good.example"}, producer="stub")
    assert lookup.key == mark.key != other.key
    assert lookup.digest != mark.digest


def test_every_kind_runs_on_a_queue_that_exists() -> None:
    assert {kind.queue for kind in KINDS.values()} <= set(QUEUES)


def test_a_producers_warnings_stay_with_the_job_but_make_it_no_other_job() -> None:
    plain = Job("events.create", {"payload": {"a": 1}}, producer="cli")
    warned = Job(
        "events.create", {"payload": {"a": 1}}, producer="cli", warnings=["a control character was escaped"]
    )
    assert warned.id == plain.id
    assert b"control character" in warned.body


def test_the_ledger_keeps_a_payload_in_the_order_in_which_it_was_written() -> None:
    job = Job("events.create", {"payload": {"b": 1, "a": 2}}, producer="cli")
    assert job.body == b'{"payload":{"b":1,"a":2}}'


def test_a_kind_takes_the_fields_that_its_action_has() -> None:
    assert {name: KINDS[name].takes for name in SHAPES} == {
        name: frozenset(fields_of(name)) for name in SHAPES
    }
