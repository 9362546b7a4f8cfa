"""`tqctl check`: each line, with every service there, and with each of them gone or wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.redis_server import RedisServer
from sandbox.launch.tls import tls_front
from sandbox.logrhythm.tokens import mint
from tests.support.operator import Operator
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.support.sandbox_threatq import SandboxThreatQ
from tqctl.check import side_by_side
from tqctl.checks.line import CheckLine, ok
from tqctl.checks.logrhythm import token_line
from tqctl.checks.redis import transport
from tqctl.checks.workers import judge
from workers.core.jobs import QUEUES, Job
from workers.ledger import keys
from workers.ledger.functions import look_after_functions
from workers.ledger.ledger import Ledger
from workers.ledger.overview import overview
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.settings.model import Settings
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM

pytestmark = pytest.mark.integration


def lines(operator: Operator, area: str, *, code: int | None = None) -> dict[str, dict[str, Any]]:
    """Check one area and return its lines by what they look at."""
    answer = operator.types("--json", "check", "--only", area)
    if code is not None:
        assert answer.code == code, answer
    return {line["what"]: line for line in answer.json}


def states(operator: Operator, area: str) -> dict[str, str]:
    return {what: line["state"] for what, line in lines(operator, area).items()}


def register(sandbox: SandboxThreatQ, **change: Any) -> None:
    sandbox.fill_page("Events Builder", EVENTS_BUILDER, **change)


def test_a_redis_as_it_should_be(operator: Operator) -> None:
    found = states(operator, "redis")
    assert found == {
        "answers": "ok",
        "ingest": "ok",
        "mistyped keys": "ok",
        "clock": "ok",
        "version": "ok",
        "role": "ok",
        "persistence": "ok",
        "eviction": "ok",
        # The tests' Redis has neither a limit nor a password.
        "memory": "warning",
        "transport": "ok",
        "user": "warning",
        "queues": "ok",
        # No worker has been started here.
        "function": "warning",
        "backup": "ok",
    }


def test_a_redis_without_the_function_of_senders_names_the_worker_that_loads_it(
    operator: Operator, redis: Redis
) -> None:
    assert "start a worker with -Q upkeep" in lines(operator, "redis")["function"]["remedy"]
    look_after_functions(redis, Settings())
    assert lines(operator, "redis")["function"]["state"] == "ok"


def test_tls_to_redis_is_told_with_whether_the_certificate_is_verified(
    operator: Operator, redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_front(tmp_path, redis_server.port) as (port, ca):
        for query, state, words in (
            (f"?ssl_ca_certs={ca}", "ok", f"TLS, verified with {ca}"),
            ("?ssl_cert_reqs=none", "warning", "the URL says ssl_cert_reqs=none"),
            (f"?ssl_ca_certs={ca}&ssl_check_hostname=false", "warning", "ssl_check_hostname=false"),
        ):
            monkeypatch.setenv("TQ_REDIS_URL", f"rediss://127.0.0.1:{port}/0{query}")
            line = lines(operator, "redis")["transport"]
            assert (line["state"], words in line["found"]) == (state, True), line

        # A certificate of an unknown authority is no Redis of ours
        monkeypatch.setenv("TQ_REDIS_URL", f"rediss://127.0.0.1:{port}/0")
        assert "certificate verify failed" in lines(operator, "redis", code=3)["answers"]["found"]


def test_a_redis_elsewhere_without_tls_is_a_warning() -> None:
    line = transport(Settings(redis_url="redis://worker:x@redis.example:6379/0"))
    assert (line.state, "without TLS to redis.example" in line.found) == ("warning", True)


def test_a_redis_that_forgets_or_evicts_fails(operator: Operator, redis: Redis) -> None:
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("appendonly", "no")
    try:
        found = lines(operator, "redis", code=1)
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("appendonly", "yes")
    assert found["eviction"]["state"] == found["persistence"]["state"] == "failed"
    assert "noeviction" in found["eviction"]["remedy"]
    assert "appendonly yes" in found["persistence"]["remedy"]


def test_copies_of_the_audit_trail_that_fail_are_told_here_and_elsewhere(
    operator: Operator, redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_AUDIT_FILE", str(tmp_path / "audit.jsonl"))
    assert lines(operator, "audit")["copies"]["state"] == "ok"
    monkeypatch.setenv("TQ_AUDIT_FILE", str(tmp_path / "absent" / "audit.jsonl"))
    assert "No such file" in lines(operator, "audit", code=1)["copies"]["found"]
    monkeypatch.delenv("TQ_AUDIT_FILE")
    redis.hset(keys.AUDIT_FAILING, "shim@elsewhere", "1700000000000 /var/log/a: No space left on device")
    line = next(line for line in operator.asks("check", "--only", "audit") if line["state"] == "warning")
    assert (line["state"], "shim@elsewhere: /var/log/a: No space" in line["found"]) == ("warning", True)


def test_a_redis_that_is_nearly_full_fails(operator: Operator, redis: Redis) -> None:
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 200_000)
    try:
        found = lines(operator, "redis", code=1)
    finally:
        redis.config_set("maxmemory", 0)
    assert "producers refuse above 70 %" in found["memory"]["found"]


def test_payloads_pushed_onto_a_queue_are_found_and_the_right_keys_named(
    operator: Operator, redis: Redis, ledger: Ledger
) -> None:
    ledger.accept([Job("indicators.lookup", {"value": "x"}, producer="stub")])
    redis.lpush(keys.wake_ups("events"), '{"event_name": "pushed to the wrong place"}')
    redis.rpush("events", "not even JSON")
    line = lines(operator, "redis", code=1)["queues"]
    assert f"{keys.wake_ups('events')} (1), events (1)" in line["found"]
    assert all(name in line["remedy"] for name in (keys.INGEST_RPUSH, keys.INGEST_LPUSH, keys.INGEST_STREAM))


def test_a_user_with_few_rights_can_check_too(operator: Operator, redis: Redis, redis_url: str) -> None:
    redis.acl_setuser(
        "few", enabled=True, passwords=["+few"], keys=["*"], commands=["+@all", "-config", "-acl"]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQ_REDIS_URL", redis_url.replace("://", "://few:few@"))
        found = lines(operator, "redis")
    redis.acl_deluser("few")
    assert found["persistence"]["state"] == "ok"
    assert "unknown" in found["persistence"]["found"]
    assert found["user"]["state"] == "ok"


def test_each_service_that_is_stopped_is_named_and_the_code_is_3(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLIENT_ID", "EMAIL", "PASSWORD"):
        monkeypatch.setenv(f"TQ_THREATQ_{name}", "x")
    monkeypatch.setenv("TQ_THREATQ_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TQ_LOGRHYTHM_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint())
    monkeypatch.setenv("TQ_REDIS_URL", "redis://127.0.0.1:1/0")
    answer = operator.types("--json", "check")
    found = {(line["area"], line["what"]): line["state"] for line in answer.json}
    assert answer.code == 3
    assert found["redis", "answers"] == found["workers", "answers"] == "failed"
    assert found["threatq", "login"] == found["logrhythm", "login"] == "failed"
    assert found["here", "celery"] == "ok"
    assert sum("(Connection refused)" in line["found"] for line in answer.json) == 2


def test_a_threatq_as_it_should_be(configured: Operator, threatq_sandbox: SandboxThreatQ) -> None:
    register(threatq_sandbox, is_active=True, custom_fields={"private_ips": "10.0.0.0/8"})
    found = lines(configured, "threatq", code=0)
    assert {line["state"] for line in found.values()} == {"ok"}
    assert "page" in found["private addresses"]["found"]
    assert "clock" in found


@pytest.mark.parametrize(
    ("ahead_s", "state"), [(-5.0, "ok"), (6.0, "warning"), (-60.0, "warning"), (None, "ok")]
)
def test_a_threatq_whose_clock_differs_is_a_warning(
    ahead_s: float | None, state: str, configured: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tqctl.checks.threatq.skew_s", lambda _settings: ahead_s)
    assert lines(configured, "threatq")["clock"]["state"] == state


def test_a_connector_that_is_disabled_or_unknown_fails_with_the_remedy(
    configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    assert "never registered" in lines(configured, "threatq", code=2)["connector"]["found"]
    register(threatq_sandbox)
    line = lines(configured, "threatq", code=2)["connector"]
    assert "disabled" in line["found"]
    assert "enable it" in line["remedy"]


def test_private_addresses_that_cannot_be_read_fail(
    configured: Operator, threatq_sandbox: SandboxThreatQ
) -> None:
    register(threatq_sandbox, is_active=True, custom_fields={"private_ips": "10.0.0.300"})
    assert "10.0.0.300" in lines(configured, "threatq", code=2)["private addresses"]["found"]


def test_a_wrong_password_an_unknown_status_and_a_collection_that_is_not_shared_are_told_apart(
    configured: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(threatq_sandbox, is_active=True)
    monkeypatch.setenv("TQ_THREATQ_STATUS", "Activ")
    monkeypatch.setenv("TQ_SYNC_COLLECTIONS", 'Nobody shares this:\n  baseName: "ThreatQ: "')
    found = lines(configured, "threatq", code=2)
    assert "Activ" in found["status"]["found"]
    assert "Nobody shares this" in found["collection"]["found"]
    monkeypatch.setenv("TQ_THREATQ_PASSWORD", "wrong")
    found = lines(configured, "threatq", code=2)
    assert list(found) == ["login"]
    assert "does not accept" in found["login"]["found"]


def test_a_logrhythm_as_it_should_be(operator: Operator, named_logrhythm: SandboxLogRhythm) -> None:
    found = lines(operator, "logrhythm", code=0)
    assert list(found) == ["token", "token goes to", "login", "rights", "owner", "lists"]
    assert found["rights"]["found"] == "globalAdmin"
    assert {line["state"] for line in found.values()} == {"ok"}


def test_an_owner_whom_logrhythm_does_not_know_fails(
    operator: Operator, named_logrhythm: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_OWNER", "Nobody At All")
    assert lines(operator, "logrhythm", code=2)["owner"]["state"] == "failed"


def test_an_owner_whom_the_administrator_did_not_make_is_a_warning_with_the_guides_rule(
    operator: Operator, named_logrhythm: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_OWNER", "Borrowed Role")
    line = lines(operator, "logrhythm", code=0)["owner"]
    assert line["state"] == "warning"
    assert "Doe, Jane" in line["found"]
    assert "Invalid owner id" in line["found"]
    assert "LogRhythmAdmin" in line["remedy"]


def test_a_token_of_a_lesser_role_is_a_warning(
    operator: Operator, named_logrhythm: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint(role="restrictedAnalyst"))
    line = lines(operator, "logrhythm", code=0)["rights"]
    assert (line["state"], "restrictedAnalyst" in line["found"]) == ("warning", True)
    assert "Global Administrator" in line["remedy"]


@pytest.mark.parametrize("base", ["T", "Списки: "])
def test_our_lists_are_counted_whatever_their_names_begin_with(
    base: str, operator: Operator, named_logrhythm: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch
) -> None:
    named_logrhythm.fill(f"{base}MD5", "x")
    named_logrhythm.fill(f"{base}of somebody else", "x")
    monkeypatch.setenv("TQ_SYNC_COLLECTIONS", f'---\nC:\n  baseName: "{base}"\n')
    found = lines(operator, "logrhythm")["lists"]["found"]
    assert found == "1 active ones of ours, 1 entries"


@pytest.mark.parametrize(
    ("left_s", "state", "words"),
    [
        (None, "ok", "never ends"),
        (400 * 86_400, "ok", "good for 400 d"),
        (10 * 86_400, "warning", "ends in 10 d"),
        (-3_600, "failed", "ended 1 h ago"),
    ],
)
def test_the_end_of_a_token_is_told_in_time(left_s: float | None, state: str, words: str) -> None:
    line = token_line(left_s)
    assert (line.state, line.found) == (state, words)


def test_a_queue_without_a_worker_fails_unless_it_is_paused(redis: Redis, ledger: Ledger) -> None:
    ledger.look_after()
    redis.sadd(keys.PAUSED, "sync")
    found = {line.what: line.state for line in judge(overview(redis), {"w@host": ["events", "upkeep"]})}
    assert found == {
        "events": "ok",
        "enrichment": "failed",
        "sync": "warning",
        "upkeep": "ok",
        "beat": "ok",
        "dead letters": "ok",
        "quarantine": "ok",
    }


def test_what_no_producer_could_read_is_told(redis: Redis, ledger: Ledger) -> None:
    Quarantine(redis).keep([Unreadable("http", "nifi", "not_json", "not JSON", b"{")])
    lines = {line.what: line for line in judge(overview(redis), {})}
    assert (lines["quarantine"].state, lines["quarantine"].found) == (
        "warning",
        "1 that no producer could read wait for an operator",
    )


def test_a_beat_that_is_silent_fails(redis: Redis, ledger: Ledger) -> None:
    everywhere = {"w@host": QUEUES}
    assert [line.what for line in judge(overview(redis), everywhere) if line.code] == ["beat"]
    ledger.look_after()
    assert [line.what for line in judge(overview(redis), everywhere) if line.code] == []


def test_jobs_in_the_spool_and_unreadable_files_there_are_told(
    configured: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_SPOOL_DIR", str(tmp_path / "spool"))
    (tmp_path / "spool" / "unreadable").mkdir(parents=True)
    (tmp_path / "spool" / "a.job").touch()
    (tmp_path / "spool" / "unreadable" / "b.job").touch()
    answer = configured.types("check", "--only", "here")
    assert answer.code == 0
    assert "1 jobs wait in" in answer.out
    assert "1 files in" in answer.out


def test_a_file_that_others_may_read_fails_and_nothing_else_is_looked_at(
    operator: Operator, tmp_path: Path
) -> None:
    (tmp_path / "tq.yaml").write_text("version: 1\n")
    (tmp_path / "tq.yaml").chmod(0o644)
    answer = operator.types("--json", "check")
    (line,) = answer.json
    assert answer.code == 2
    assert "chmod 600" in line["found"]


def test_an_area_that_hangs_keeps_what_it_found_and_delays_no_other() -> None:
    hang = threading.Event()

    def hangs() -> Iterator[CheckLine]:
        yield ok("one", "first", "there")
        hang.wait()

    found = side_by_side({"one": hangs, "two": lambda: [ok("two", "first", "there")]}, within_s=0.2)
    hang.set()
    assert [(line.area, line.what, line.state) for line in found] == [
        ("one", "first", "ok"),
        ("one", "time", "failed"),
        ("two", "first", "ok"),
    ]


def test_a_fault_of_ours_in_one_area_is_a_line_and_not_the_end() -> None:
    def breaks() -> list[CheckLine]:
        raise RuntimeError("never expected")

    found = side_by_side({"one": breaks, "two": lambda: [ok("two", "first", "there")]}, within_s=5)
    assert [line.state for line in found] == ["failed", "ok"]
    assert "never expected" in found[0].found


def test_what_logrhythms_page_in_threatq_says_is_what_is_checked(
    configured: Operator, threatq_sandbox: SandboxThreatQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_logrhythm() as sandbox:
        # given a page that names the LogRhythm, which the environment does not
        fields = {"logrhythm_host": sandbox.url, "logrhythm_token": mint(), "logrhythm_owner": "ThreatQ Sync"}
        threatq_sandbox.fill_page("LogRhythm", LOGRHYTHM, is_active=True, custom_fields=fields)

        # when, then
        assert lines(configured, "logrhythm", code=0)["login"]["found"] == sandbox.url
        told = configured.types("--json", "check", "--only", "threatq").json
        found = [line for line in told if line["what"] == "list sync"]
        assert [line["state"] for line in found] == ["ok", "failed"]
        assert "'A ThreatQ data collection with IOCs to add to LogRhythm'" in found[1]["found"]
        assert "TQ_SYNC_COLLECTIONS" in found[1]["found"]

        threatq_sandbox.fill_page("LogRhythm", LOGRHYTHM, custom_fields={"sync_max_items": "many"})
        assert "sync_max_items" in lines(configured, "threatq", code=2)["list sync"]["found"]
