"""Each command that changes something leaves an entry that names the user; `tqctl audit` shows the trail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from tests.integration.ui.letters import bury
from tests.support.operator import Operator
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.sync_stage import Stage, write_config
from tests.support.terminal import Terminal
from tests.support.trail import acts, last
from tests.support.waiting import until
from tqctl.main import main, parser_of
from workers.core.jobs import Job
from workers.core.user import user_at_host
from workers.ledger import keys, sync_keys
from workers.ledger.acts import Actor
from workers.ledger.audit import Audit
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.sync_approvals import PendingDelete

pytestmark = pytest.mark.integration


def letter(redis: Redis) -> str:
    return bury(Ledger(redis))


def item(redis: Redis) -> str:
    (item_id,) = Quarantine(redis).keep([Unreadable("bridge", "list", "not_json", "why", b"[")])
    return item_id


def pending(redis: Redis) -> str:
    deletes = PendingDelete("aa11", "c", "a list", 2, 5, "a reason", ("bad.example",), 1)
    redis.hset(sync_keys.PENDING, deletes.id, msgspec.json.encode(deletes))
    return deletes.id


def done(redis: Redis) -> str:
    redis.zadd(keys.DONE, {"0" * 24: 1})
    return "--yes"


def paused(redis: Redis) -> str:
    redis.sadd(keys.PAUSED, "sync")
    return "sync"


def open_breaker(redis: Redis) -> str:
    Ledger(redis).service_away("threatq", "it is away")
    return "threatq"


def open_run(redis: Redis) -> str:
    (accepted,) = Ledger(redis).accept([Job("lists.sync", {"collection": "C"}, producer="cli")])
    return f"{accepted.id} --no-wait"


#: The commands that change something, the act, and what a test types behind the command.
ACTING: dict[str, tuple[str, Callable[[Redis], str]]] = {
    "pause": ("pause", lambda _: "sync"),
    "resume": ("resume", paused),
    "breaker close": ("breaker close", open_breaker),
    "dead replay": ("replay", letter),
    "dead drop": ("drop", lambda redis: f"{letter(redis)} --yes"),
    "dead edit": ("edit", lambda redis: f"{letter(redis)} --set payload.event_name=b --force"),
    "dead drop --quarantined": ("quarantine drop", lambda redis: item(redis) and "--yes"),
    "sync approve": ("approve", lambda redis: f"{pending(redis)} --later"),
    "sync cancel": ("cancel", open_run),
    "purge": ("purge", done),
    "erase": ("erase", lambda redis: f"title --yes{letter(redis)[:0]}"),
}

#: Those that need more than Redis, and the tests that walk them.
ELSEWHERE = {
    "lists retire": "test_lists_that_are_retired_are_recorded",
    "sync takeover": "test_lists_that_are_taken_over_by_hand_are_recorded",
    "mapping replay": "test_a_replay_by_a_mapping_is_recorded_with_its_name",
    "backup": "test_a_backup_and_a_restore_are_recorded",
    "restore": "test_a_backup_and_a_restore_are_recorded",
    "migrate": "test_migrate.py",
    "setup": "test_what_a_first_run_has_written_is_recorded_without_the_answers",
}

#: Those that only look, write a file that they are told to, or hand over jobs that name their sender.
LOOKING = {
    "check", "status", "config", "jobs list", "jobs find", "jobs show", "dead list", "dead show", "breaker", "groups",
    "mapping list", "mapping schema", "mapping diff", "mapping test", "mapping explain", "mapping coverage",
    "mapping learn",
    "sync plan", "sync held", "sync history", "sync watch", "explain", "lists show", "capacity", "audit",
    "notices show", "notices test", "spool show", "spool flush", "top", "watch",
    "support-bundle", "srp-bundle", "completion", "up", "demo", "flower",
}  # fmt: skip


def leaves(parser: ArgumentParser, *words: str) -> Iterator[str]:
    """Yield each command of the tool with its action."""
    if parser.get_default("run"):
        yield " ".join(words)
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for name, command in action.choices.items():
                yield from leaves(command, *words, name)


def test_every_command_is_known_to_change_something_or_to_look() -> None:
    acting = {name.partition(" --")[0] for name in ACTING}
    assert set(leaves(parser_of())) == acting | set(ELSEWHERE) | LOOKING


def test_lists_that_are_taken_over_by_hand_are_recorded(stage: Stage, tmp_path: Path) -> None:
    stage.seed(2, types=["FQDN"])
    stage.logrhythm.fill("ThreatQ: FQDN", "stale.example", list_type="Host")
    config = str(write_config(tmp_path, stage.runtime.settings))
    assert main(["-c", config, "sync", "takeover"]) == 0
    assert "take over" not in acts(stage.redis)
    assert main(["-c", config, "sync", "takeover", "--yes"]) == 0
    entry = last(stage.redis)
    assert (entry.act, entry.what, entry.detail) == ("take over", "ThreatQ: FQDN", {"entries": 1, "goes": 1})


@pytest.mark.parametrize("command", ACTING)
def test_a_command_leaves_an_entry_with_the_user(command: str, operator: Operator, redis: Redis) -> None:
    act, step = ACTING[command]
    answer = operator.types(*command.split(), *step(redis).split())
    assert answer.code == 0, answer
    entry = last(redis)
    assert (entry.act, entry.by, entry.via) == (act, user_at_host(), "tqctl")


def test_an_item_that_is_mended_is_recorded_as_released(
    operator: Operator, redis: Redis, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.json"
    whole.write_text('{"event_name": "a", "event_type": "Sighting"}')
    item_id = item(redis)
    (job_id,) = operator.asks("dead", "edit", item_id, "--file", str(whole))["released"]
    entry = last(redis)
    assert (entry.act, entry.what, entry.detail) == ("release", item_id, {"jobs": job_id, "corrected": "yes"})


def test_lists_that_are_retired_are_recorded(stage: Stage, tmp_path: Path) -> None:
    stage.seed(10, types=["FQDN"])
    stage.sync()
    config = str(write_config(tmp_path / "config", stage.runtime.settings))
    assert main(["-c", config, "lists", "retire"]) == 0
    assert "retire" not in acts(stage.redis)
    assert main(["-c", config, "lists", "retire", "--yes"]) == 0
    entry = last(stage.redis)
    assert (entry.act, entry.what, entry.detail) == ("retire", "ThreatQ: FQDN", {"entries": 10})


def test_what_a_first_run_has_written_is_recorded_without_the_answers(
    redis: Redis, redis_url: str, threatq_sandbox: SandboxThreatQ, tmp_path: Path
) -> None:
    environ = {"TQ_REDIS_URL": redis_url, "TQ_CONFIG": str(tmp_path), "PATH": os.environ["PATH"]}
    terminal = Terminal([sys.executable, "-m", "tqctl.main", "setup"], cwd=tmp_path, env=environ)
    terminal.answer("ThreatQ Host: ", threatq_sandbox.url)
    terminal.answer("Client ID: ", threatq_sandbox.client_id)
    terminal.answer("E-Mail Address: ", threatq_sandbox.email)
    terminal.answer("Password: ", threatq_sandbox.password)
    terminal.answer("Status: ", "")
    assert terminal.end() == 0, terminal.shown
    entry = last(redis)
    assert (entry.act, entry.by, entry.what) == ("setup", user_at_host(), str(tmp_path / "tq.yaml"))
    assert "threatq_password" in str(entry.detail["settings"])
    assert threatq_sandbox.password not in repr(entry)


def test_a_dry_run_of_purge_is_no_act(operator: Operator, redis: Redis) -> None:
    done(redis)
    operator.asks("purge", "--dry-run")
    assert acts(redis) == []


def test_the_trail_is_shown_newest_first_by_filters_and_as_json(operator: Operator, redis: Redis) -> None:
    assert "no such entry" in operator.types("audit").out
    Audit(redis, Actor("alice", "page", "192.0.2.7")).record("pause", "sync", reason="an upgrade")
    operator.asks("resume", "sync")
    operator.asks("pause", "events")
    shown = operator.types("audit").out
    assert shown.index("events") < shown.index("alice")
    assert "192.0.2.7" in shown
    for words, count in (
        (("--act", "pause"), 2), (("--by", "ALICE"), 1), (("--via", "tqctl"), 1), (("--since", "1h"), 2),
        (("--limit", "1"), 1), (("--since", "2099-01-01"), 0),
    ):  # fmt: skip
        assert len(operator.asks("audit", *words)) == count, words
    (line,) = operator.asks("audit", "--by", "alice")
    assert (line["what"], line["detail"]) == ("sync", {"reason": "an upgrade"})
    assert operator.types("audit", "--act", "paws").code == 2


def test_a_trail_that_is_followed_goes_on_with_what_is_done_next(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    # given what was done before
    audit = Audit(redis, Actor("alice", "page"))
    for queue in ("sync", "events"):
        audit.record("pause", queue)
    # when it is followed, and something else is done
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tqctl.main", "--json", "audit", "--follow", "--act", "pause"]
    environ = {"TQ_REDIS_URL": redis_url, "TQ_CONFIG": str(tmp_path)}
    with out.open("wb") as file, subprocess.Popen(command, stdout=file, env=environ) as process:
        until(lambda: out.read_text().count("\n") == 2, within_s=30)
        audit.record("resume", "sync")
        audit.record("pause", "enrichment")
        until(lambda: out.read_text().count("\n") == 3, within_s=30)
        process.terminate()
    # then it stands behind what was there
    lines = [json.loads(line)["what"] for line in out.read_text().splitlines()]
    assert lines == ["sync", "events", "enrichment"]
