"""What `redact` names is stored nowhere, whichever entry it comes through, whether it can be read or not."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from producers.bridge.forwarder import Forwarder
from producers.enqueue import hand_over
from producers.events_builder import main as events_builder
from tests.support.operator import Operator
from tests.support.producers import Shim
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable, limits_of
from workers.ledger.spool import Spool
from workers.payload.intake import accepted_only, from_settings
from workers.settings.model import Settings
from workers.settings.redaction import REDACTED
from workers.tasks.accept import accept_call

pytestmark = pytest.mark.integration

RULES = r"user.password, /card \d+/"
SETTINGS = Settings(redact=RULES)
SECRETS = ("hunter2", "card 4242")


def payload(name: str = "a name", **more: object) -> dict[str, object]:
    fields = {"event_name": name, "event_type": "Sighting", "event_happened_at": 1633460462}
    return {**fields, "user": {"password": "hunter2"}, "syslog_message": "paid by card 4242", **more}


def readable(value: bytes) -> bytes:
    """Return a value of Redis with what is compressed in it, wherever that begins."""
    parts = [value]
    for start in range(len(value)):
        if value[start : start + 1] == b"\x78":
            try:
                parts.append(zlib.decompressobj().decompress(value[start:]))
            except zlib.error:
                continue
    return b"\n".join(parts)


def everything(redis: Redis) -> Iterator[bytes]:
    """Yield all that Redis holds."""
    for key in redis.keys("*"):
        kind = redis.type(key)
        if kind == b"string":
            yield readable(redis.get(key))
        elif kind == b"hash":
            yield from (readable(value) for value in redis.hgetall(key).values())
        elif kind == b"list":
            yield from redis.lrange(key, 0, -1)
        elif kind == b"stream":
            yield from (b" ".join(fields.values()) for _, fields in redis.xrange(key))


def assert_nowhere(redis: Redis) -> None:
    kept = list(everything(redis))
    assert any(b"redacted" in value for value in kept)
    assert [value for value in kept for secret in SECRETS if secret.encode() in value] == []


def test_over_http_neither_jobs_nor_the_quarantine_nor_the_log_have_it(
    redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    bad = [{**payload(), "event_name": ""}, "half"]
    with Shim(tmp_path / "shim", redis_url, redact=RULES) as shim:
        assert shim.post("/v1/events", payload()).status_code == 202
        assert shim.post("/v1/events", [payload("b"), *bad]).status_code == 202
        assert shim.post("/v1/events", b'{"user": {"password": "hunter2"').status_code == 400
        event = {"specversion": "1.0", "source": "s", "id": "1", "data": json.dumps(payload("c"))}
        assert shim.post("/v1/events", event).status_code == 202
        shown = shim.post("/v1/events:validate", payload()).json()["items"][0]["payload"]
    assert shown["user"] == {"password": REDACTED}
    assert_nowhere(redis)
    assert "hunter2" not in (tmp_path / "shim" / "tq-http-shim.log").read_text()


def test_through_the_bridge(redis: Redis, redis_url: str) -> None:
    client = connect(redis_url)
    forward = Forwarder(
        from_settings(SETTINGS, "redis"),
        Ledger(client),
        Quarantine(client, limits_of(SETTINGS)),
        threading.Event(),
    )
    messages = [json.dumps(payload()).encode(), b'{"user": {"password": "hunter2"', b"paid by card 4242"]
    forward(messages, source="list")
    forward.set_aside(messages[1] + b" ", "list")
    assert Quarantine(redis).count() == 3
    assert_nowhere(redis)


def test_through_celery(redis: Redis, ledger: Ledger) -> None:
    parts = {"intake": from_settings(SETTINGS, "celery"), "ledger": ledger}
    quarantine = Quarantine(ledger.redis, limits_of(SETTINGS))
    for arguments in (
        {"payload": payload()},
        {"payload": json.dumps(payload())[:-2]},
        {"user": {"password": "hunter2"}},
    ):
        accept_call({"job": "events.create", "arguments": arguments}, quarantine=quarantine, **parts)
    assert quarantine.count() == 2
    assert_nowhere(redis)


def test_on_the_command_line_and_in_its_spool(
    redis: Redis,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", redis_url)
    monkeypatch.setenv("TQ_REDACT", RULES)
    assert events_builder(["-p", json.dumps(payload())]) == 0
    assert events_builder(["--explain", "-p", json.dumps(payload())]) == 0
    assert "4242" not in capsys.readouterr().out
    assert_nowhere(redis)
    away = Ledger(connect("redis://127.0.0.1:1", retries=0))
    jobs = accepted_only(from_settings(SETTINGS, "cli").jobs(json.dumps(payload()).encode()))
    hand_over(jobs, away, Spool(str(tmp_path / "spool")))
    (file,) = (tmp_path / "spool").iterdir()
    assert "hunter2" not in file.read_text()


def test_what_an_operator_mends_is_redacted_again(
    operator: Operator, admin: LedgerAdmin, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = Quarantine(redis).keep([Unreadable("bridge", "list", "not_json", "why", b"[")])
    file = tmp_path / "whole.json"
    file.write_text(json.dumps(payload()))
    monkeypatch.setenv("TQ_REDACT", RULES)
    (job_id,) = operator.asks("dead", "edit", item, "--file", str(file))["released"]
    assert admin.arguments(job_id)["payload"]["user"] == {"password": REDACTED}
    assert_nowhere(redis)


def test_payloads_that_differ_only_in_what_is_redacted_are_one_job() -> None:
    intake = from_settings(SETTINGS, "http")
    texts = [json.dumps(payload(user={"password": word})).encode() for word in ("hunter2", "other")]
    first, second = (accepted_only(intake.jobs(text))[0] for text in texts)
    assert first.id == second.id


def test_without_rules_a_job_is_what_it_was(example_payload: dict[str, object]) -> None:
    text = json.dumps(example_payload).encode()
    plain, ruled = (from_settings(Settings(redact=rules), "http") for rules in ("", "not_in_it"))
    assert plain.redaction is None
    first, second = (accepted_only(intake.jobs(text))[0] for intake in (plain, ruled))
    assert (first.id, first.body) == (second.id, second.body)
