"""A backup that is encrypted for a key opens with that key alone, and holds the secrets of the settings too."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from tests.support.operator import Operator
from tests.support.redis_content import fill
from workers.settings.loading import load

pytestmark = pytest.mark.integration

PASSWORD = "sesame / @ \u00e9"


@pytest.fixture
def secretive(operator: Operator, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator with a secret, a mapping and a job of each kind."""
    fill(redis)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/mine.yaml").write_text("name: mine\n")
    monkeypatch.setenv("TQ_MAPPINGS_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("TQ_THREATQ_PASSWORD", PASSWORD)
    monkeypatch.setenv("TQ_SYNC_FOUR_EYES", "true")
    return operator


def test_what_is_encrypted_comes_back_with_its_key_and_the_secrets(
    secretive: Operator, redis: Redis, tmp_path: Path
) -> None:
    # Given a key, whose public half the machine of the backup knows alone
    public = secretive.asks("backup", "--make-key", str(tmp_path / "key"))["public_key"]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    made = secretive.asks("backup", "--out", str(tmp_path), "--encrypt-to", public)
    assert made["encrypted"]
    assert made["left_out"] == []
    assert Path(made["file"]).stat().st_mode & 0o777 == 0o600
    # When it is put back with the secret half
    redis.flushall()
    restored = secretive.asks(
        "restore", made["file"], "--key", str(tmp_path / "key"), "--settings-to", str(tmp_path / "new")
    )
    # Then the jobs are there, and the settings as they were given
    assert restored["jobs"] == 5
    settings = load(tmp_path / "new", {}).settings
    assert (settings.threatq_password.reveal(), settings.sync_four_eyes) == (PASSWORD, True)
    assert (tmp_path / "new/mappings_dir/mine.yaml").read_text() == "name: mine\n"
    # and settings that are there are never written over
    assert "is there already" in secretive.types(
        "restore", made["file"], "--key", str(tmp_path / "key"), "--settings-to", str(tmp_path / "new"), "--add"
    ).err  # fmt: skip


def test_without_encryption_no_secret_is_in_it_and_that_is_said(
    secretive: Operator, redis: Redis, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    answer = secretive.types("backup", "--out", str(path))
    assert "threatq_password" in answer.out.partition("Left out")[2]
    redis.flushall()
    secretive.asks("restore", str(path), "--settings-to", str(tmp_path / "new"))
    text = (tmp_path / "new/tq.yaml").read_text()
    assert "sync_four_eyes" in text
    assert "password" not in text


@pytest.mark.parametrize(
    "change", ["no key", "another key", "cut off", "changed", "no such file", "no key in it"]
)
def test_a_backup_that_cannot_be_opened_writes_nothing_and_says_why(
    change: str, operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    public = operator.asks("backup", "--make-key", str(tmp_path / "key"))["public_key"]
    operator.asks("backup", "--make-key", str(tmp_path / "other"))
    operator.asks("backup", "--out", str(tmp_path / "b"), "--encrypt-to", public)
    redis.flushall()
    whole = (tmp_path / "b").read_bytes()
    if change in ("cut off", "changed"):
        other = bytes([whole[-9] ^ 1])
        (tmp_path / "b").write_bytes(whole[:-9] if change == "cut off" else whole[:-9] + other + whole[-8:])
    (tmp_path / "empty").write_text("# nothing\n")
    key = {"another key": "other", "no such file": "nowhere", "no key in it": "empty"}.get(change, "key")
    words = [] if change == "no key" else ["--key", str(tmp_path / key)]
    answer = operator.types("restore", str(tmp_path / "b"), *words)
    assert (answer.code, redis.dbsize()) == (2, 0)
    assert (
        "--key" if "key" in change else "damaged" if change != "no such file" else "no file"
    ) in answer.err


def test_a_key_that_is_none_and_a_library_that_is_absent_are_told_before_anything_is_read(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = operator.types("backup", "--out", str(tmp_path / "b"), "--encrypt-to", "age1wrong")
    assert (wrong.code, "is no public key" in wrong.err) == (2, True)
    monkeypatch.setattr("workers.core.extras.find_spec", lambda library: None)
    absent = operator.types("backup", "--out", str(tmp_path / "b"), "--encrypt-to", "age1wrong")
    assert (absent.code, "tq-workers[backup]" in absent.err) == (2, True)
    assert not (tmp_path / "b").exists()
