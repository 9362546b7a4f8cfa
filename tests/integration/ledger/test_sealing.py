"""Content is encrypted in Redis where that is set; keys are rotated; a job whose key is missing waits, never dead."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.integration.ui.letters import accept
from tests.support.consumer_stage import Work
from tests.support.operator import Operator
from workers.core.errors import ConfigError
from workers.core.results import EventResult
from workers.leases import Attempt
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import now_ms
from workers.ledger.ledger import Ledger
from workers.ledger.packing import AFTER_MS, Packer
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.records import Settlement, dead, done
from workers.ledger.sealing import MARK, name_of, use_keys

pytestmark = pytest.mark.integration

OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture(autouse=True)
def no_keys_afterwards() -> Iterator[None]:
    """Let no later test encrypt."""
    yield
    use_keys("")


def use(folder: Path, *known: bytes) -> str:
    """Write a file of keys, the first of which encrypts, and use it."""
    path = folder / f"keys-{len(list(folder.iterdir()))}"
    path.write_bytes(b"# ours\n" + b"".join(base64.b64encode(key) + b"\n" for key in known))
    path.chmod(0o600)
    use_keys(str(path))
    return str(path)


def finish(attempt: Attempt) -> list[Settlement]:
    """Carry out what can be read: here, read it."""
    return [done(claim, EventResult(event_id=len(claim.known_arguments()))) for claim in attempt.claims]


def test_what_lies_in_redis_is_encrypted_and_is_read_with_the_key(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin, work: Work, tmp_path: Path
) -> None:
    use(tmp_path, OLD)
    job_id = accept(ledger, "a title", user="alice")
    (item,) = Quarantine(redis).keep([Unreadable("http", "x", "not_json", "why", b'{"user": "alice"')])
    for stored in (redis.get(keys.job(job_id)), redis.hget(keys.quarantined(item), "raw")):
        assert MARK + name_of(OLD) in stored
    assert admin.arguments(job_id) == {"payload": {"event_name": "a title", "user": "alice"}}
    assert Quarantine(redis).item(item).raw == b'{"user": "alice"'
    assert work(finish) == 1
    # It is left as it is by what packs done jobs
    Packer(admin.redis).step(now_ms(admin.redis) + 2 * AFTER_MS, within_s=60)
    assert admin.arguments(job_id)["payload"]["user"] == "alice"


def test_after_a_rotation_old_and_new_content_is_read(
    redis: Redis, ledger: Ledger, work: Work, tmp_path: Path
) -> None:
    plain = accept(ledger, "plain")
    use(tmp_path, OLD)
    old = accept(ledger, "old")
    use(tmp_path, NEW, OLD)
    new = accept(ledger, "new")
    assert MARK not in redis.get(keys.job(plain))
    assert name_of(OLD) in redis.get(keys.job(old))
    assert name_of(NEW) in redis.get(keys.job(new))
    assert work(finish) == 3


def test_a_job_whose_key_is_missing_waits_with_a_clear_word_and_others_are_done(
    ledger: Ledger, admin: LedgerAdmin, redis: Redis, work: Work, tmp_path: Path
) -> None:
    # given a job of a key that was taken away too early, and another one
    use(tmp_path, OLD)
    locked = accept(ledger, "locked")
    use(tmp_path, NEW)
    other = accept(ledger, "other")
    # when a worker comes to both, several times
    for _ in range(5):
        work(finish)
        redis.zadd(keys.due("events"), {locked: 0})
    # then it waits, without having lost a try, and says for what
    records = {record.id: record for record in admin.records([locked, other])}
    assert (records[locked].state, records[locked].attempts, records[other].state) == ("waiting", 0, "done")
    assert f"encrypted with the key {name_of(OLD).hex()}" in records[locked].reason
    assert admin.arguments(locked) is None
    # and it is done once the key is back
    use(tmp_path, NEW, OLD)
    redis.zadd(keys.due("events"), {locked: 0})
    assert work(finish) == 1


def test_an_item_of_the_quarantine_whose_key_is_missing_is_listed_and_kept(
    redis: Redis, tmp_path: Path
) -> None:
    use(tmp_path, OLD)
    (item_id,) = Quarantine(redis).keep([Unreadable("http", "x", "not_json", "why", b"[")])
    use_keys("")
    item = Quarantine(redis).item(item_id)
    assert item is not None
    assert (item.raw, "encrypted with the key" in item.reason) == (b"", True)


def test_a_dead_letter_is_edited_and_stays_encrypted(
    operator: Operator, ledger: Ledger, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "of-keys"
    folder.mkdir()
    monkeypatch.setenv("TQ_ENCRYPTION_KEYS_FILE", use(folder, OLD))
    job_id = accept(ledger, "a")
    ledger.settle([dead(claim, "why") for claim in ledger.claim("events", 1)])
    operator.asks("dead", "edit", job_id, "--set", "payload.event_name=b", "--force")
    assert name_of(OLD) in redis.get(keys.job(job_id))
    assert operator.asks("jobs", "show", job_id)["arguments"]["payload"]["event_name"] == "b"


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (b"", 0o600, "holds no key"),
        (b"c2hvcnQ=\n", 0o600, "key 1 of"),
        (b"not base64!\n", 0o600, "32 bytes in base64"),
        (base64.b64encode(OLD), 0o604, "others may read it"),
    ],
)
def test_a_wrong_file_of_keys_is_refused(tmp_path: Path, text: bytes, mode: int, reason: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(text)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=reason):
        use_keys(str(path))
    with pytest.raises(ConfigError, match="No such file"):
        use_keys(str(tmp_path / "absent"))


def test_content_that_was_changed_since_it_was_encrypted_is_refused_and_hides_no_job(
    redis: Redis, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> None:
    use(tmp_path, OLD)
    job_id = accept(ledger, "a title")
    stored = redis.get(keys.job(job_id))
    redis.set(keys.job(job_id), stored[:-1] + bytes([stored[-1] ^ 1]))
    assert admin.arguments(job_id) is None
    (record,) = admin.records([job_id])
    assert record.title == "a title"
