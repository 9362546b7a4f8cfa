"""`tqctl jobs` and `tqctl dead` against a real ledger."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from redis import Redis

from tests.support.operator import Operator
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.reader import PAGE
from workers.ledger.records import dead, done

pytestmark = pytest.mark.integration


def payload(name: str, **fields: object) -> Job:
    body = {
        "event_name": name,
        "event_type": "Sighting",
        "event_happened_at": "2026-01-01T00:00:00Z",
        **fields,
    }
    return Job("events.create", {"payload": body}, producer="cli", title=name)


def die(ledger: Ledger, job: Job, reason: str) -> str:
    """Have a job accepted, claimed and settled as dead."""
    ledger.accept([job])
    (claim,) = ledger.claim(job.kind.queue, 1)
    ledger.settle([dead(claim, reason)])
    return claim.id


def test_a_job_is_found_by_id_name_alarm_and_value_however_it_is_spelt(
    operator: Operator, ledger: Ledger
) -> None:
    # given
    alarm = Job("sightings.add", {"alarm_id": "4711", "name": "Beacon"}, producer="stub", title="Beacon")
    event = payload("Phishing of somebody", uri_source="hxxp://bad[.]example/gate")
    lookup = Job("indicators.lookup", {"type": "FQDN", "value": "evil.example"}, producer="stub")
    ids = [answer.id for answer in ledger.accept([alarm, event, lookup])]

    # when, then
    for text, found in (
        (ids[1][:10], ids[1]),
        ("phishing OF", ids[1]),
        ("http://bad.example", ids[1]),
        ("4711", ids[0]),
        ("evil[.]example", ids[2]),
    ):
        (job,) = operator.asks("jobs", "find", text)["jobs"]
        assert job["id"] == found, text


def test_nothing_found_says_how_far_was_looked(operator: Operator, ledger: Ledger) -> None:
    ledger.accept([payload(f"event {number}") for number in range(30)])
    everything = operator.types("jobs", "find", "nothing like it")
    part = operator.types("jobs", "find", "nothing like it", "--scan", "10")
    assert everything.code == 1
    assert "looked at 30 jobs, which are all" in everything.out
    assert "looked at 10 jobs; there are more" in part.out


def test_the_whole_id_of_a_job_finds_it_behind_any_number_of_others(
    operator: Operator, ledger: Ledger
) -> None:
    # given more jobs than a search looks at
    oldest, *_ = ledger.accept([payload(f"event {number}") for number in range(3)])
    # when, then
    found = operator.asks("jobs", "find", oldest.id, "--scan", "1")
    assert [job["id"] for job in found["jobs"]] == [oldest.id]
    assert (found["scanned"], found["more"]) == (1, False)
    # A text that only looks like an id is looked for as before
    assert "there are more" in operator.types("jobs", "find", "0" * 24, "--scan", "1").out


def test_done_jobs_are_found_too(operator: Operator, ledger: Ledger) -> None:
    ledger.accept([payload("a job that is done")])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, {"event_id": 7})])
    (job,) = operator.asks("jobs", "find", "that is done")["jobs"]
    assert job["state"] == "done"
    shown = operator.asks("jobs", "show", job["id"])
    assert shown["history"][-1]["note"] == {"event_id": 7}
    assert shown["arguments"]["payload"]["event_name"] == "a job that is done"


def test_lists_are_of_one_state_and_queue(operator: Operator, ledger: Ledger) -> None:
    ledger.accept([payload("open one"), Job("indicators.lookup", {"value": "x"}, producer="stub")])
    assert len(operator.asks("jobs", "list")) == 2
    assert [job["kind"] for job in operator.asks("jobs", "list", "--queue", "events")] == ["events.create"]
    assert operator.asks("jobs", "list", "--state", "dead") == []
    assert "no dead job" in operator.types("jobs", "list", "--state", "dead").out


def test_no_dead_letter_is_not_told_as_none_of_these(operator: Operator, ledger: Ledger) -> None:
    assert operator.types("dead", "list").out.splitlines()[0] == "no dead letter"
    die(ledger, payload("gone"), "bad")
    assert "no such dead letter" in operator.types("dead", "list", "--reason", "other").out


def test_an_unknown_id_is_wrong_input(operator: Operator) -> None:
    answer = operator.types("jobs", "show", "nonesuch")
    assert answer.code == 2
    assert "nonesuch" in answer.err


def test_what_comes_from_outside_cannot_steer_the_terminal(operator: Operator, ledger: Ledger) -> None:
    die(ledger, payload("\x1b[2Jgone"), "bad \x1b]0;title\x07 thing")
    shown = operator.types("dead", "list").out
    assert "\x1b" not in shown
    assert "\\x1b[2Jgone" in shown


def test_dead_letters_are_filtered_by_kind_producer_reason_and_time(
    operator: Operator, ledger: Ledger
) -> None:
    first = die(ledger, payload("one"), "event_type: ThreatQ refuses it")
    second = die(ledger, Job("indicators.lookup", {"value": "x"}, producer="stub"), "no such type")

    def ids(*words: str) -> list[str]:
        return [job["id"] for job in operator.asks("dead", "list", *words)["jobs"]]

    assert set(ids()) == {first, second}
    assert ids("--kind", "events.create") == [first]
    assert ids("--door", "stub") == [second]
    assert ids("--reason", "THREATQ refuses") == [first]
    assert ids("--until", "1h") == []
    assert set(ids("--since", "1h")) == {first, second}
    assert ids("--limit", "1") != []


def test_dead_letters_are_listed_page_by_page_also_where_many_died_at_once(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin, redis: Redis
) -> None:
    # given more dead letters than one call reads, most of which died in the same millisecond
    count = 2 * PAGE + 50
    ids = [answer.id for answer in ledger.accept([payload(f"event {number}") for number in range(count)])]
    redis.delete(keys.due("events"))
    redis.zadd(keys.DEAD, {job_id: 1_000 + max(0, at - count + 5) for at, job_id in enumerate(ids)})
    # when
    pages = [
        [job["id"] for job in operator.asks("dead", "list", "--limit", "100", "--page", str(page))["jobs"]]
        for page in (1, 2, 3, 4, 5, 6)
    ]
    # then each is listed once, the newest first
    assert [len(page) for page in pages] == [100, 100, 100, 100, 50, 0]
    assert sorted(job_id for page in pages for job_id in page) == sorted(ids)
    assert pages[0][:4] == ids[:-5:-1]
    assert admin.ids("dead", most=3, skip=1) == ids[-2:-5:-1]


def test_a_replayed_job_is_open_again_with_its_history(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin
) -> None:
    job_id = die(ledger, payload("one"), "ThreatQ refuses it")
    assert operator.asks("dead", "replay", job_id)["replayed"] == [job_id]
    record = admin.record(job_id)
    assert record is not None
    assert record.state == "accepted"
    assert [entry.state for entry in record.history] == ["dead", "accepted"]
    assert "replayed by" in record.history[-1].note["reason"]


def test_replaying_by_reason_leaves_the_others_dead(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin
) -> None:
    die(ledger, payload("one"), "a timeout")
    other = die(ledger, payload("two"), "a bad name")
    operator.asks("dead", "replay", "--reason", "timeout")
    assert admin.ids("dead") == [other]


def test_naming_nothing_is_refused(operator: Operator, ledger: Ledger, admin: LedgerAdmin) -> None:
    die(ledger, payload("one"), "a timeout")
    answer = operator.types("dead", "drop", "--yes")
    assert answer.code == 2
    assert "--all" in answer.err
    assert admin.dead_count() == 1


def test_dropping_asks_first_and_without_an_answer_drops_nothing(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(ledger, payload("one"), "a timeout")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert operator.types("dead", "drop", "--all").code == 2
    assert admin.dead_count() == 1
    assert operator.asks("dead", "drop", "--all", "--yes") == {"dropped": 1}
    assert admin.dead_count() == 0


def test_an_edited_job_is_replayed_with_what_was_set(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin
) -> None:
    job_id = die(ledger, payload("one", event_type="Sigthing"), "event_type: ThreatQ refuses it")
    operator.asks("dead", "edit", job_id, "--set", "payload.event_type=Sighting", "--set", "payload.points=3")
    arguments = admin.arguments(job_id)
    assert arguments is not None
    assert arguments["payload"]["event_type"] == "Sighting"
    assert arguments["payload"]["points"] == 3
    (claim,) = ledger.claim("events", 1)
    assert claim.arguments == arguments
    assert "edited and replayed by" in admin.records([job_id]).__next__().history[-1].note["reason"]


def test_an_edit_that_would_be_refused_again_is_refused_now(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin
) -> None:
    job_id = die(ledger, payload("one"), "a bad time")
    words = ("dead", "edit", job_id, "--set", "payload.event_name=")
    answer = operator.types(*words)
    assert answer.code == 2
    assert "--force" in answer.err
    assert admin.dead_count() == 1
    assert operator.types(*words, "--force").code == 0


def test_an_edit_opens_the_editor_or_takes_a_file(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    first, second = (die(ledger, payload(name), "a bad name") for name in ("one", "two"))
    file = tmp_path / "arguments.json"
    file.write_text(json.dumps(payload("from a file").arguments))

    # when
    monkeypatch.setenv("EDITOR", "sed -i s/one/edited/")
    assert operator.types("dead", "edit", first).code == 0
    assert operator.types("dead", "edit", second, "--file", str(file)).code == 0

    # then
    names = [(admin.arguments(job_id) or {})["payload"]["event_name"] for job_id in (first, second)]
    assert names == ["edited", "from a file"]


def test_an_editor_that_changes_nothing_or_fails_leaves_the_job_dead(
    operator: Operator, ledger: Ledger, admin: LedgerAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = die(ledger, payload("one"), "a bad name")
    monkeypatch.delenv("VISUAL", raising=False)
    for editor, words in (
        ("true", "nothing was changed"),
        ("false", "ended with code 1"),
        ("/none", "EDITOR"),
        ("", "no terminal"),
    ):
        monkeypatch.setenv("EDITOR", editor)
        answer = operator.types("dead", "edit", job_id)
        assert (answer.code, words in answer.err) == (2, True), answer
    assert admin.dead_count() == 1


def test_capacity_names_each_limit_and_the_share_that_is_used(
    operator: Operator, ledger: Ledger, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_MAX_OPEN_JOBS", "50")
    ledger.accept([payload(f"event {number}") for number in range(10)])
    redis.config_set("maxmemory", "100mb")
    limits = {limit["what"]: limit for limit in operator.asks("capacity")}
    redis.config_set("maxmemory", "0")
    assert limits["open jobs in events"]["percent"] == 20
    assert limits["Redis' memory until producers refuse"]["limit"] == 70 * 1024 * 1024
    assert limits["Redis' memory"]["limit"] == 100 * 1024 * 1024
    assert limits["dead letters"]["limit"] is None


def test_what_no_producer_could_read_is_listed_shown_mended_and_dropped(
    operator: Operator, redis: Redis, admin: LedgerAdmin, tmp_path: Path
) -> None:
    # given two items in the quarantine
    quarantine = Quarantine(redis)
    half, hopeless = quarantine.keep(
        [
            Unreadable("bridge", "list", "not_json", "it ends in the middle", b'{"event_name": "half'),
            Unreadable("bridge", "list", "not_json", "it is no JSON", b"\x00\xff"),
        ]
    )

    # then they are listed and shown
    listed = operator.asks("dead", "list")["quarantined"]
    assert {item["id"] for item in listed} == {half, hopeless}
    assert operator.asks("dead", "show", half)["raw"] == '{"event_name": "half'
    assert "it ends in the middle" in operator.types("dead", "list").out

    # when one is mended
    assert operator.types("dead", "replay", half).code == 2
    file = tmp_path / "whole.json"
    file.write_text(json.dumps(payload("whole again").arguments["payload"]))
    (job_id,) = operator.asks("dead", "edit", half, "--file", str(file))["released"]

    # and the other dropped
    assert operator.asks("dead", "drop", hopeless, "--yes") == {"dropped": 1}

    # then one is a job, and the quarantine is empty
    record = admin.record(job_id)
    assert record is not None
    assert (record.title, record.producer) == ("whole again", "bridge")
    assert quarantine.count() == 0


def test_the_whole_quarantine_is_dropped_at_once_without_touching_dead_letters(
    operator: Operator, redis: Redis, ledger: Ledger, admin: LedgerAdmin
) -> None:
    die(ledger, payload("one"), "a timeout")
    Quarantine(redis).keep([Unreadable("http", "x", "not_json", "bad", bytes([n])) for n in range(3)])
    assert operator.asks("dead", "drop", "--quarantined", "--yes") == {"dropped": 3}
    assert admin.dead_count() == 1


def test_a_queue_that_paused_itself_says_why_and_what_to_do(operator: Operator, ledger: Ledger) -> None:
    # given
    jobs = [payload(f"bad {number}") for number in range(60)]
    for number, job in enumerate(jobs):
        job.sender = f"sender{number % 5}"
    ledger.accept(jobs)
    claims = ledger.claim("events", 60)
    ledger.settle([dead(claim, "type: no such event type") for claim in claims])

    # when
    told = operator.asks("status", "--no-workers")

    # then
    assert told["suspended"]["events"]["dead"] == 50
    assert "no such event type" in told["suspended"]["events"]["reason"]
    assert operator.asks("resume", "events")["open"] == 10
    assert operator.asks("status", "--no-workers")["suspended"] == {}


@pytest.mark.parametrize("typed", ["no", ""])
def test_without_a_yes_nothing_is_dropped(
    operator: Operator, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    # given an operator who types something else, or ends the input
    keyboard = io.StringIO(typed)
    monkeypatch.setattr(keyboard, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", keyboard)
    job_id = die(ledger, payload("kept"), "a reason")

    answer = operator.types("--json", "dead", "drop", job_id)

    assert (answer.code, answer.out) == (2, "")
    assert "nothing was dropped" in answer.err
    assert operator.asks("dead", "list")["total"] == 1


def test_what_came_through_one_entry_is_dropped_by_the_name_that_the_list_prints(
    operator: Operator, redis: Redis
) -> None:
    # Given what two entries could not read
    quarantine = Quarantine(redis)
    quarantine.keep(
        [Unreadable(name, "a sender", "not_json", "no JSON", name.encode()) for name in ("http", "bridge")]
    )
    printed = {item["door"] for item in operator.asks("dead", "list")["quarantined"]}
    assert printed == {"http", "bridge"}
    # When what came through one of them is dropped
    assert operator.asks("dead", "drop", "--quarantined", "--entry", "bridge", "--yes") == {"dropped": 1}
    # Then the other one's is there
    assert [item["door"] for item in operator.asks("dead", "list")["quarantined"]] == ["http"]
