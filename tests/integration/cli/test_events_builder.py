"""`tq-conn-events-builder` as a process: into the ledger, into the spool, and out again with the right code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.launch.redis_server import RedisServer
from tests.support.waiting import until
from workers.core.results import EventResult
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import dead, done, waiting

pytestmark = pytest.mark.integration

COMMAND = str(Path(sys.executable).with_name("tq-conn-events-builder"))

#: A port of this machine on which nothing listens.
NOWHERE = "redis://127.0.0.1:1/0"


def payload(name: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "event_name": name,
        "event_type": "Sighting",
        "event_happened_at": "2021-10-05T19:01:02Z",
        "uri_source": "IP Address:1.2.3.4",
        **more,
    }


class Builder:
    """Runs the command in a folder of its own with nothing but the given environment."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self.environ = {"PATH": os.environ["PATH"], "TQ_REDIS_URL": redis_url, "XDG_STATE_HOME": str(folder)}

    def __call__(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=self.environ | environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def spooled(self) -> list[Path]:
        return sorted(self.folder.glob("tq-workers/spool/*.job"))


@pytest.fixture
def builder(tmp_path: Path, redis_url: str) -> Builder:
    return Builder(tmp_path, redis_url)


def test_a_payload_is_accepted_once_however_often_it_is_sent(builder: Builder, admin: LedgerAdmin) -> None:
    # when
    first = builder("-p", json.dumps(payload()))
    again = builder("-v3", "-p", "-", stdin=json.dumps(payload()))

    # then
    (job_id,) = admin.ids("accepted")
    assert (first.returncode, again.returncode) == (0, 0)
    assert first.stdout == f"accepted  {job_id}  one\n"
    assert again.stdout == f"known     {job_id}  one\n"
    assert admin.arguments(job_id) == {"payload": payload()}


def test_the_payload_comes_from_a_file_the_environment_or_several_from_an_array_or_lines(
    builder: Builder, admin: LedgerAdmin
) -> None:
    (builder.folder / "payload.json").write_text(json.dumps(payload("file")))

    assert builder("-p", "@payload.json").returncode == 0
    assert builder(TQ_PAYLOAD=json.dumps(payload("environment"))).returncode == 0
    assert builder("--payload", json.dumps([payload("a"), payload("b")])).returncode == 0
    assert builder("-p", "-", stdin="\n".join(json.dumps(payload(name)) for name in "cd")).returncode == 0

    titles = {record.title for record in admin.records(admin.ids("accepted"))}
    assert titles == {"file", "environment", "a", "b", "c", "d"}


def test_a_cloud_event_is_accepted_as_through_every_other_producer(
    builder: Builder, admin: LedgerAdmin
) -> None:
    # given
    envelope = {"specversion": "1.0", "id": "7", "source": "/siem", "type": "detection", "data": payload()}

    # when
    explained = builder("--explain", "--json", "-p", json.dumps(envelope))
    sent = builder("-p", json.dumps(envelope))
    bare = builder("-p", json.dumps(payload()))

    # then
    (job_id,) = admin.ids("accepted")
    assert explained.returncode == 0
    assert json.loads(explained.stdout)["job"] == job_id
    assert (sent.returncode, sent.stdout) == (0, f"accepted  {job_id}  one\n")
    assert (bare.returncode, bare.stdout) == (0, f"known     {job_id}  one\n")
    assert admin.arguments(job_id) == {"payload": payload()}


def test_the_cloud_event_of_an_earlier_payload_with_another_one_is_a_conflict(builder: Builder) -> None:
    envelope = {"specversion": "1.0", "id": "7", "source": "/siem", "type": "detection"}

    builder("-p", json.dumps({**envelope, "data": payload("a")}))
    result = builder("-p", json.dumps({**envelope, "data": payload("b")}))

    assert result.returncode == 1
    assert result.stdout.startswith("conflict ")


def test_what_python_prints_is_read_and_the_connectors_name_is_the_source_of_what_names_none(
    builder: Builder, admin: LedgerAdmin
) -> None:
    named = payload("b", event_source="NiFi")

    result = builder("-n", "Mine", "-p", repr([payload("a"), named]))

    assert result.returncode == 0
    assert "a Python literal" in result.stdout
    records = admin.records(admin.ids("accepted"))
    sources = {record.title: admin.arguments(record.id)["payload"]["event_source"] for record in records}
    assert sources == {"a": "Mine", "b": "NiFi"}


def test_of_several_the_good_ones_are_accepted_and_the_bad_one_is_named(
    builder: Builder, admin: LedgerAdmin
) -> None:
    result = builder("--json", "-p", json.dumps([payload("a"), {"event_name": "b"}, payload("c")]))

    assert result.returncode == 1
    assert "payload 2: event_type: is missing" in result.stderr
    lines = {line["position"]: line for line in map(json.loads, result.stdout.splitlines())}
    assert [lines[position]["status"] for position in (1, 2, 3)] == ["accepted", "refused", "accepted"]
    assert len(admin.ids("accepted")) == 2
    assert (lines[2]["code"], lines[2]["field"]) == ("invalid_event", "event_type")
    item = Quarantine(admin.redis).item(lines[2]["quarantine_id"])
    assert item is not None
    assert json.loads(item.raw) == {"event_name": "b"}


def test_the_bad_one_of_several_has_its_line_in_the_table(builder: Builder) -> None:
    result = builder("-p", json.dumps([payload("a"), {"event_name": "b"}]))
    refused, accepted = result.stdout.splitlines()
    assert (refused[:10], accepted[:10]) == ("refused   ", "accepted  ")
    assert "event_type: is missing" in refused


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "not JSON"),
        ("", "nothing"),
        ("[1]", "a payload is a JSON object"),
        ("{event_name: x, event_type: y}", "your shell has removed them"),
        (json.dumps(payload("", event_name=" ")), "event_name"),
        (json.dumps(payload(event_happened_at="yesterday")), "event_happened_at"),
        (json.dumps(payload(syslog_message="x" * 1_100_000)), "1048576"),
        (json.dumps(payload()).replace('"one"', "[" * 70 + "]" * 70), "64"),
    ],
)
def test_bad_input_is_refused_with_its_field_and_nothing_is_enqueued(
    builder: Builder, admin: LedgerAdmin, text: str, named: str
) -> None:
    (builder.folder / "bad.json").write_text(text)

    result = builder("-p", "@bad.json") if text else builder("--explain")

    assert result.returncode == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr
    assert admin.ids("accepted") == []


def test_an_empty_payload_is_refused_not_taken_for_the_initial_run(builder: Builder) -> None:
    assert "the input is empty" in builder("-p", "").stderr
    assert builder("-p", "-").returncode == 2


def test_while_redis_is_away_the_job_is_kept_and_the_next_run_delivers_it(
    builder: Builder, admin: LedgerAdmin
) -> None:
    # when
    away = builder("-p", json.dumps(payload("first")), TQ_REDIS_URL=NOWHERE)
    spooled = len(builder.spooled)
    back = builder("-p", json.dumps(payload("second")))

    # then
    assert away.returncode == 3
    assert away.stdout.startswith("spooled ")
    assert str(builder.folder / "tq-workers" / "spool") in away.stderr
    assert spooled == 1
    assert back.returncode == 0
    assert "delivered 1 job" in back.stderr
    assert builder.spooled == []
    assert {record.title for record in admin.records(admin.ids("accepted"))} == {"first", "second"}


def test_a_damaged_spool_file_is_reported_and_holds_nothing_up(builder: Builder, admin: LedgerAdmin) -> None:
    builder("-p", json.dumps([payload("a"), payload("b")]), TQ_REDIS_URL=NOWHERE)
    builder.spooled[0].write_bytes(b"")

    result = builder("-p", json.dumps(payload("c")))

    assert result.returncode == 0
    assert "unreadable" in result.stderr
    assert len(admin.ids("accepted")) == 2


def test_a_spool_that_cannot_be_written_says_that_nothing_was_kept(builder: Builder) -> None:
    (builder.folder / "file").write_text("")

    result = builder(
        "-p", json.dumps(payload()), TQ_REDIS_URL=NOWHERE, TQ_SPOOL_DIR=str(builder.folder / "file" / "x")
    )

    assert result.returncode == 1
    assert "nothing was kept" in result.stderr


def test_a_redis_that_hangs_delays_no_sender(builder: Builder, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "hung").start()
    try:
        assert server.process
        server.process.send_signal(signal.SIGSTOP)
        result = builder("-p", json.dumps(payload()), TQ_REDIS_URL=server.url)
    finally:
        server.kill()

    assert result.returncode == 3
    assert len(builder.spooled) == 1


@pytest.mark.parametrize(
    ("settle", "code", "shown"),
    [
        (
            lambda claim: done(claim, {"event_id": 7, "link": "https://tq/events/7/details"}),
            0,
            "event 7 https://tq/events/7/details",
        ),
        (lambda claim: dead(claim, "ThreatQ refuses the title"), 1, "ThreatQ refuses the title"),
        (lambda claim: waiting(claim, "ThreatQ is away", 60), 3, "ThreatQ is away"),
    ],
)
def test_waiting_shows_the_outcome(
    builder: Builder, ledger: Ledger, settle: Any, code: int, shown: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(builder, "-p", json.dumps(payload()), "--wait", "30")
        claims = until(lambda: ledger.claim("events", 1), within_s=30)
        ledger.settle([settle(claims[0])])
        result = running.result(timeout=60)

    assert result.returncode == code
    assert shown in result.stdout


@pytest.mark.parametrize(
    ("settle", "shown", "outcome"),
    [
        (
            lambda claim: done(claim, EventResult(7, "https://tq/events/7/details")),
            "  done: event 7 https://tq/events/7/details\n",
            {"outcome": "done", "event_id": 7, "link": "https://tq/events/7/details"},
        ),
        (
            lambda claim: dead(claim, "no such type"),
            "  dead: no such type\n",
            {"outcome": "dead", "reason": "no such type"},
        ),
    ],
)
def test_a_payload_that_is_sent_again_is_told_what_became_of_it(
    builder: Builder, ledger: Ledger, settle: Any, shown: str, outcome: dict[str, Any]
) -> None:
    # given
    builder("-p", json.dumps(payload()))
    (claim,) = ledger.claim("events", 1)
    ledger.settle([settle(claim)])

    # when it is sent again without waiting
    words = builder("-p", json.dumps(payload()))
    line = builder("--json", "-p", json.dumps(payload()))

    # then
    assert (words.returncode, words.stdout) == (0, f"known     {claim.id}  one\n{shown}")
    assert json.loads(line.stdout).items() >= {"status": "known", **outcome}.items()


def test_waiting_without_a_worker_ends_and_says_that_the_job_is_kept(builder: Builder) -> None:
    result = builder("-p", json.dumps(payload()), "--wait", "0.2")

    assert result.returncode == 3
    assert "is a worker running?" in result.stdout


def test_explaining_needs_no_configuration_and_touches_nothing(builder: Builder, admin: LedgerAdmin) -> None:
    text = json.dumps(payload(uri_target="FQDN:bad.example", identity="user@example.com", malware="Emotet"))

    words = builder("--explain", "-p", text, TQ_REDIS_URL="")
    lines = builder("--explain", "--json", "-p", text)

    assert (words.returncode, lines.returncode) == (0, 0)
    for part in (
        "FQDN: bad.example",
        "user@example.com",
        "Emotet",
        "POST /api/events/consume",
        "created if unknown",
    ):
        assert part in words.stdout
    explained = json.loads(lines.stdout)
    assert explained["plan"]["title"] == "one"
    assert [call["path"] for call in explained["calls"]][-1] == "/api/events/consume"
    assert admin.ids("accepted") == []


def test_the_log_folder_gets_one_json_object_a_line_without_what_a_terminal_obeys(builder: Builder) -> None:
    (builder.folder / "log").mkdir()

    result = builder("-v3", "-ll", "log", "-p", json.dumps(payload("red \x1b[31m\u202e")))

    assert result.returncode == 0
    assert "\x1b" not in result.stdout + result.stderr
    text = (builder.folder / "log" / "tq-conn-events-builder.log").read_text()
    assert "\x1b" not in text
    assert any(json.loads(line)["event"] == "handed over" for line in text.splitlines())


def test_the_log_stands_on_standard_output_where_it_is_asked_for_and_else_on_standard_error(
    builder: Builder,
) -> None:
    asked = builder("-v3", "-ll", "stdout", "-p", json.dumps(payload("one")))
    silent = builder("-v3", "-p", json.dumps(payload("two")))

    assert "handed over" in asked.stdout
    assert "handed over" not in asked.stderr
    assert "handed over" in silent.stderr
    assert "handed over" not in silent.stdout


def test_a_log_folder_that_is_not_there_is_wrong_input(builder: Builder) -> None:
    result = builder("-ll", "nowhere", "-p", json.dumps(payload()))

    assert result.returncode == 2
    assert "mkdir -p nowhere" in result.stderr


def test_options_without_effect_are_accepted_and_say_so(builder: Builder) -> None:
    result = builder("-d", "-ep", "-n", "Mine", "-p", json.dumps(payload()), "--explain")

    assert result.returncode == 0
    assert "-d concerns exports" in result.stderr
    assert "-ep is a proxy towards the internet" in result.stderr
    assert "source     Mine" in result.stdout


def test_without_configuration_and_terminal_what_is_missing_is_listed(builder: Builder) -> None:
    result = builder(TQ_REDIS_URL="")

    assert result.returncode == 2
    assert "TQ_THREATQ_PASSWORD" in result.stderr


def test_more_payloads_than_the_queue_may_hold_are_accepted_as_room_appears(
    builder: Builder, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # given a queue that may hold ten jobs
    builder.environ["TQ_MAX_OPEN_JOBS"] = "10"

    # when 25 payloads are sent at once
    sent = builder("-p", json.dumps([payload(str(number)) for number in range(25)]))

    # then ten are accepted and the others are kept
    assert (sent.returncode, len(builder.spooled)) == (3, 15)
    assert "10 jobs of the queue events are open and 10 are allowed" in sent.stderr

    # when workers have done those, then each further run brings ten more
    for left in (5, 0):
        ledger.settle([done(claim, {}) for claim in ledger.claim("events", 100)])
        builder("-p", json.dumps(payload("24")))
        assert len(builder.spooled) == left
    assert len(admin.ids("done")) + len(admin.ids("accepted")) == 25
