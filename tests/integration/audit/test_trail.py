"""The audit trail itself: what an entry holds, its bound, and its copies outside of Redis."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from redis import Redis

from tests.support.full_redis import full
from workers.ledger import keys
from workers.ledger.acts import Actor, named
from workers.ledger.audit import Audit, AuditFilter, as_line, entries, entries_after, failing_copies
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

ALICE = Actor("alice", "page", "192.0.2.7")


def test_an_entry_says_who_did_what_through_what_from_where_and_when(redis: Redis) -> None:
    Audit(redis, ALICE).record("drop", "aa11", jobs=3)
    (recorded,) = entries(redis)
    line = as_line(recorded)
    assert line.pop("at").endswith("Z")
    assert line == {
        "id": recorded.id, "act": "drop", "by": "alice", "via": "page", "address": "192.0.2.7", "what": "aa11",
        "detail": {"jobs": 3},
    }  # fmt: skip


def test_what_comes_from_outside_is_bounded_and_hides_nothing(redis: Redis) -> None:
    evil = Actor("bob\r\n\x1b[2Jroot", "page", "y" * 10_000)
    Audit(redis, evil).record("approve", "\u202e" + "x" * 10_000, list="\ud800\n")
    (recorded,) = entries(redis)
    entry = recorded.entry
    assert entry.by == "bob [2Jroot"
    assert (len(entry.address), len(entry.what)) == (100, 300)
    assert entry.what.startswith("\\u202ex")
    assert entry.detail == {"list": "\\ud800\\n"}


def test_the_newest_entries_are_kept_and_read_page_by_page(redis: Redis) -> None:
    audit = Audit(redis, ALICE, most=250)
    for number in range(700):
        audit.record("pause", str(number))
    kept = [recorded.entry.what for recorded in entries(redis)]
    assert kept == [str(number) for number in reversed(range(700 - len(kept), 700))]
    assert 250 <= len(kept) < 400
    third = list(entries(redis))[2]
    assert [recorded.entry.what for recorded in entries_after(redis, third.id)] == ["698", "699"]
    assert next(entries(redis, before=third.id)).entry.what == "696"


def test_entries_are_found_by_act_actor_and_way(redis: Redis) -> None:
    Audit(redis, ALICE).record("pause", "sync")
    Audit(redis, Actor("bob@host", "tqctl")).record("resume", "sync")
    for wanted, count in (
        (AuditFilter(act="pause"), 1),
        (AuditFilter(by="BOB"), 1),
        (AuditFilter(via="page"), 1),
        (AuditFilter(), 2),
    ):
        assert len(list(wanted.among(entries(redis)))) == count


def test_an_entry_that_is_not_ours_hides_no_other(redis: Redis) -> None:
    Audit(redis, ALICE).record("pause", "sync")
    redis.xadd(keys.AUDIT, {"entry": "{"})
    redis.xadd(keys.AUDIT, {"other": "field"})
    assert [recorded.entry.act for recorded in entries(redis)] == ["unreadable", "unreadable", "pause"]


def test_many_things_are_named_by_the_first_ones() -> None:
    assert named(map(str, range(23)), most=3) == "0, 1, 2 and 20 more"
    assert named(["a"]) == "a"


def test_what_is_done_while_redis_is_full_is_recorded_all_the_same(redis: Redis) -> None:
    with full(redis):
        Audit(redis, ALICE).record("drop", "aa11")
    assert [recorded.entry.act for recorded in entries(redis)] == ["drop"]


def copying(redis: Redis, **settings: str) -> Audit:
    return Audit.of(redis, Settings(**settings), ALICE)


def test_a_file_gets_a_line_of_json_for_each_entry_also_after_it_was_rotated(
    redis: Redis, tmp_path: Path
) -> None:
    file, rotated = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    audit = copying(redis, audit_file=str(file))
    audit.record("pause", "sync")
    file.rename(rotated)
    audit.record("resume", "sync")
    lines = [json.loads(path.read_text()) for path in (rotated, file)]
    assert [line["act"] for line in lines] == ["pause", "resume"]
    assert [line["id"] for line in reversed(lines)] == [recorded.id for recorded in entries(redis)]
    assert file.stat().st_mode & 0o777 == 0o640 & ~_umask(tmp_path)


def _umask(folder: Path) -> int:
    (folder / "probe").touch(mode=0o777)
    return 0o777 & ~(folder / "probe").stat().st_mode


def test_syslog_gets_the_entry_as_a_message_to_the_facility_for_security(
    redis: Redis, tmp_path: Path
) -> None:
    path = str(tmp_path / "log")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
    ):
        local.bind(path)
        udp.bind(("127.0.0.1", 0))
        copying(redis, audit_syslog=path).record("pause", "sync")
        copying(redis, audit_syslog=f"127.0.0.1:{udp.getsockname()[1]}").record("resume", "sync")
        messages = [link.recv(4_096).decode() for link in (local, udp)]
    assert [message.startswith("<86>tq-audit: {") for message in messages] == [True, True]
    assert [json.loads(message.partition(": ")[2])["act"] for message in messages] == ["pause", "resume"]


@pytest.mark.parametrize("setting", ["audit_file", "audit_syslog"])
def test_a_copy_that_fails_stops_no_act_and_is_told(redis: Redis, tmp_path: Path, setting: str) -> None:
    copying(redis, **{setting: str(tmp_path / "absent" / "log")}).record("drop", "aa11")
    assert [recorded.entry.act for recorded in entries(redis)] == ["drop"]
    ((_, reason),) = failing_copies(redis).values()
    assert "No such file or directory" in reason
    assert 0 < redis.ttl(keys.AUDIT_FAILING) <= 86_400
