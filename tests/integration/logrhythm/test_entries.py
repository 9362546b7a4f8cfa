"""Entries of lists against the simulated Admin API: written call by call, read whole, one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.support.logrhythm_lists import HASHES, ITEMS_ADDED, ITEMS_REMOVED, everything, put
from tests.support.sandbox_logrhythm import SandboxLogRhythm
from tests.support.scripted import Answer, scripted
from workers.core.errors import Rejected, ServiceAway
from workers.logrhythm import entries
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.errors import ListGone, ListTooLong
from workers.logrhythm.model import ListKind

pytestmark = pytest.mark.integration


def test_entries_are_written_call_by_call_and_read_back(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: URL", ListKind("GeneralValue", ("URL",)))
    values = [f'http://a.example/{number}?x="}},{{"\\' for number in range(2_500)]
    assert put(client, made, values).entry_count == 2_500
    assert logrhythm.calls(ITEMS_ADDED) == 3
    assert everything(client, made, at_most=2_500) == values
    with client.entries.writing() as writer:
        assert writer.remove(made, values[:900]).entry_count == 1_600
    assert logrhythm.calls(ITEMS_REMOVED) == 1


def test_the_next_call_is_made_ready_while_one_is_answered(logrhythm: SandboxLogRhythm) -> None:
    client, drawn = logrhythm.client(), 0

    def calls() -> Iterator[tuple[bool, list[str]]]:
        nonlocal drawn
        for call in ((True, ["a", "b"]), (True, ["c"]), (False, ["a"])):
            drawn += 1
            yield call

    made = client.ensure_list("ThreatQ: MD5", HASHES)
    with client.entries.writing() as writer:
        counts = [(changed.entry_count, drawn) for changed in writer.carry_out(made, calls())]
    assert counts == [(2, 2), (3, 3), (2, 3)]
    assert everything(client, made, at_most=2) == ["b", "c"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ListKind("IP"), "2001:db8::1"),
        (ListKind("IPRange"), "10.0.0.0,10.0.0.255"),
        (ListKind("Host"), "a.example"),
    ],
)
def test_entries_have_the_type_of_their_list(logrhythm: SandboxLogRhythm, kind: ListKind, value: str) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: Some", kind)
    assert put(client, made, [value]).entry_count == 1
    assert logrhythm.api("GET", f"/lists/{made.guid}/").json()["items"][0]["displayValue"] == value


def test_a_list_beyond_the_setting_is_not_read(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fill("ThreatQ: MD5", count=11)
    client = logrhythm.client()
    with pytest.raises(ListTooLong, match="sync_max_items"):
        everything(client, client.ensure_list("ThreatQ: MD5", HASHES), at_most=10)


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("size", [1, 500, 400_000, 999_000])
def test_a_list_that_is_cut_short_is_never_taken_for_the_whole(
    logrhythm: SandboxLogRhythm, size: int, drop: bool
) -> None:
    logrhythm.fill("ThreatQ: MD5", count=5_000)
    client = logrhythm.client()
    target = client.ensure_list("ThreatQ: MD5", HASHES)
    logrhythm.fault(cut_list_bytes=size, cut_by_drop=drop)
    with pytest.raises(ServiceAway):
        everything(client, target, at_most=10_000)


def test_a_whole_answer_with_fewer_items_than_it_declares_is_not_taken_for_the_list(
    logrhythm: SandboxLogRhythm,
) -> None:
    logrhythm.fill("ThreatQ: MD5", "a")
    target = logrhythm.client().ensure_list("ThreatQ: MD5", HASHES)
    told = logrhythm.api("GET", f"/lists/{target.guid}/").json() | {"entryCount": 2}
    with (
        scripted(lambda _asked: Answer(told)) as server,
        closing(LogRhythm(logrhythm.settings(logrhythm_url=server.url))) as client,
        pytest.raises(ServiceAway, match="1 of 2 entries came"),
    ):
        everything(client, target, at_most=10)


def test_a_list_that_vanished_is_said_to_be_gone(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    logrhythm.control(f"lists/{made.guid}", method="DELETE")
    with pytest.raises(ListGone):
        everything(client, made, at_most=10)
    with pytest.raises(ListGone):
        put(client, made, ["a"])


def test_a_value_that_the_list_cannot_take_is_named(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: IP Address", ListKind("IP"))
    with pytest.raises(Rejected, match=r"body.items.1.value 'a.example' is not an IP address"):
        put(client, made, ["10.0.0.1", "a.example"])


def test_writers_of_one_process_go_one_at_a_time(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.control("behaviour", {"write_ms": 5, "deadlocks": "platform"})
    client = logrhythm.client()
    lists = [client.ensure_list(f"ThreatQ: {name}", HASHES) for name in ("MD5", "SHA-1", "SHA-256")]
    threads = [
        threading.Thread(target=put, args=(client, target, map(str, range(4_000)))) for target in lists
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert logrhythm.calls(ITEMS_ADDED) == 12
    assert logrhythm.slept == []


def test_writers_take_the_lock_that_all_processes_share(
    logrhythm: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []

    @contextmanager
    def turn() -> Iterator[None]:
        turns.append("taken")
        yield
        turns.append("given back")

    client = LogRhythm(logrhythm.settings(), turn=turn)
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    put(client, made, map(str, range(1_500)))
    assert turns == ["taken", "given back"]

    # a turn is short, so that others come between
    monkeypatch.setattr(entries, "TURN_S", 0)
    put(client, made, map(str, range(1_500, 4_000)))
    client.close()
    assert turns == ["taken", "given back"] * 4
