"""A backup holds all that must outlive a Redis, and a restore puts each of it back where it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.support.operator import Operator
from tests.support.redis_content import content, event, fill
from tests.support.trail import last
from workers.core.user import user_at_host
from workers.ledger import backup_keys, keys, sync_keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration

#: A backup of format 1, taken from Valkey 9.1, of what `fill` makes.
FORMAT_1 = Path(__file__).parents[2] / "fixtures/backup-format-1"


@pytest.fixture
def backup(operator: Operator, redis: Redis, tmp_path: Path) -> str:
    """A backup of something of each kind."""
    fill(redis)
    path = str(tmp_path / "backup")
    operator.asks("backup", "--out", path)
    return path


def test_all_that_was_there_is_there_again_with_the_time_that_it_lives(
    operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    # Given something of each kind
    fill(redis)
    before = content(redis)
    counts = operator.asks("backup", "--out", str(tmp_path / "backup"))["counts"]
    assert {name: counts[name] for name in ("open jobs", "done jobs", "dead jobs", "refused jobs")} == {
        "open jobs": 2, "done jobs": 1, "dead jobs": 1, "refused jobs": 1
    }  # fmt: skip
    assert (counts["markers"], counts["manifests of lists"], counts["payloads for the bridge"]) == (
        1,
        1,
        1350,
    )
    # When Redis has lost it and gets it back
    redis.flushall()
    restored = operator.asks("restore", str(tmp_path / "backup"))
    # Then nothing is missing, and nothing is there besides but what was done about it
    assert (restored["jobs"], restored["markers"]) == (5, 1)
    assert restored["counts"] == counts
    after = content(redis)
    assert after[keys.AUDIT][0][: len(before[keys.AUDIT][0])] == before[keys.AUDIT][0]
    assert last(redis).act == "restore"
    del before[keys.AUDIT], after[keys.AUDIT]
    assert after == before
    assert redis.exists(backup_keys.RESTORE) == 0


def test_what_came_since_the_loss_stays_where_the_backup_is_added_to_it(
    backup: str, operator: Operator, redis: Redis, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given a Redis that came back empty and works again: job 4 was sent again and done, job 9 is new, a list was synced
    redis.flushall()
    again, new = ledger.accept([event(4), event(9)])
    assert len(ledger.claim("events", 1)) == 1
    redis.hset(sync_keys.manifest("lr", "guid"), "05", b"newer")
    redis.rpush(keys.INGEST_RPUSH, "newer")
    # When the backup is put back, which is refused unless that is said
    refused = operator.types("restore", backup)
    assert (refused.code, admin.ids("dead")) == (2, [])
    assert "is not empty" in refused.err
    assert "--add" in refused.err
    assert operator.asks("restore", backup, "--add")["jobs"] == 4
    # Then what there was is as it was, and the rest is there besides
    jobs = {record.id: record.state for record in admin.records([again.id, new.id])}
    assert jobs == {again.id: "running", new.id: "accepted"}
    assert redis.hget(sync_keys.manifest("lr", "guid"), "05") == b"newer"
    assert redis.hlen(sync_keys.manifest("lr", "guid")) == 33
    assert redis.lrange(keys.INGEST_RPUSH, -2, -1) == [b"r449", b"newer"]
    assert len(admin.ids("dead")) == 1


def test_a_restore_that_was_interrupted_goes_on_with_the_same_file_alone(
    backup: str, operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    # Given a restore that ended before all was back
    before = content(redis)
    redis.flushall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.backup.restore.Restoring.flush", interrupted)
        assert operator.types("restore", backup).code == 130
    assert "tqctl restore again" in operator.types("check", "--only", "redis").out
    # Then another file is refused, and the same one brings back what is missing, nothing twice but in the lists
    operator.asks("backup", "--out", str(tmp_path / "other"))
    assert "has not ended" in operator.types("restore", str(tmp_path / "other"), "--add").err
    operator.asks("restore", backup)
    after = content(redis)
    for name in before.keys() - {keys.AUDIT, keys.INGEST_LPUSH, keys.INGEST_RPUSH}:
        assert after[name] == before[name], name


def interrupted(_: Any) -> None:
    raise KeyboardInterrupt


def test_a_file_that_was_changed_or_cut_off_writes_nothing(
    backup: str, operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    redis.flushall()
    whole = Path(backup).read_bytes()
    half = len(whole) // 2
    for damaged in (
        whole[:-1], whole + b"x", whole[:half], whole[:30], whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        whole.replace(b'"taken_ms":1', b'"taken_ms":2'), b"PK\3\4", b"",
    ):  # fmt: skip
        (tmp_path / "damaged").write_bytes(damaged)
        answer = operator.types("restore", str(tmp_path / "damaged"))
        assert answer.code == 2, damaged[:80]
        assert "damaged" in answer.err or "is no backup" in answer.err
    assert redis.dbsize() == 0


def test_a_newer_format_is_refused_with_the_version_that_reads_it(
    operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    redis.flushall()
    newer = tmp_path / "newer"
    newer.write_bytes(b'tq-workers backup\n{"format":2,"version":"3.1.4","new":{}}\nwhatever')
    answer = operator.types("restore", str(newer))
    assert answer.code == 2
    assert "written by tq-workers 3.1.4" in answer.err
    assert redis.dbsize() == 0


def test_a_backup_of_a_newer_server_and_of_each_format_is_read(
    operator: Operator, admin: LedgerAdmin, redis: Redis
) -> None:
    restored = operator.asks("restore", str(FORMAT_1))
    assert restored["jobs"] == 4
    assert {state: len(admin.ids(state)) for state in ("accepted", "done", "dead")} == {
        "accepted": 2, "done": 1, "dead": 1
    }  # fmt: skip
    # packed against a dictionary that came with it
    (packed,) = admin.records(admin.ids("done"))
    assert (packed.title, packed.result["event_id"]) == ("event 1", 4711)
    assert redis.hlen(sync_keys.manifest("lr", "guid")) == 33


def test_a_file_is_verified_without_changing_anything(backup: str, operator: Operator, redis: Redis) -> None:
    redis.flushall()
    answer = operator.types("restore", backup, "--verify")
    assert answer.code == 0
    assert "Nothing was changed" in answer.out
    assert redis.dbsize() == 0


def test_a_backup_and_a_restore_are_recorded(backup: str, operator: Operator, redis: Redis) -> None:
    entry = last(redis)
    assert (entry.act, entry.by, entry.what, entry.detail) == (
        "backup", user_at_host(), backup, {"encrypted": "no"}
    )  # fmt: skip
    redis.flushall()
    operator.asks("restore", backup)
    entry = last(redis)
    assert (entry.act, entry.by, entry.what) == ("restore", user_at_host(), backup)
    assert (entry.detail["jobs"], entry.detail["markers"]) == (5, 1)


def test_backups_beyond_those_that_are_kept_go_and_check_says_how_old_the_last_one_is(
    operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    # Given backups of earlier nights, and a file of another name
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("tq-backup-20260101T023000Z", "tq-backup-20260102T023000Z.age", "tq-backup-of-mine"):
        (folder / name).touch()
    # When one is made and two are kept
    made = operator.asks("backup", "--out", str(folder), "--keep", "2")
    # Then the oldest goes, and nothing else
    assert made["removed"] == [str(folder / "tq-backup-20260101T023000Z")]
    assert len(list(folder.iterdir())) == 3
    assert line_of_check(operator)["state"] == "ok"
    assert made["file"] in line_of_check(operator)["found"]
    # and one that is no longer followed by others is told of
    redis.hset(backup_keys.BACKUP, "at", 1)
    assert (line_of_check(operator)["state"], "tq-backup.timer" in line_of_check(operator)["remedy"]) == (
        "warning", True
    )  # fmt: skip


def line_of_check(operator: Operator) -> Any:
    lines = operator.types("--json", "check", "--only", "redis").json
    return next(line for line in lines if line["what"] == "backup")
