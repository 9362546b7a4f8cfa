"""What the status page shows: the ledger, and hostile text as text."""

from __future__ import annotations

import re

import pytest
from redis import Redis

from tests.integration.ui.letters import NASTY, accept
from tests.support.browsing import Visitor
from workers.core.jobs import Job
from workers.core.sync_report import ListResult, RunResult
from workers.core.text import moment
from workers.ledger import keys
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.reader import PAGE
from workers.ledger.records import dead, done, waiting
from workers.ledger.search import search
from workers.ledger.sync_runs import keep_result, waiting_runs
from workers.ledger.throughput import last_minutes

pytestmark = pytest.mark.integration


def test_queues_the_last_hour_and_services(reader: Visitor, ledger: Ledger) -> None:
    accept(ledger, "first")
    accept(ledger, "second")
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, {})])
    ledger.service_away("threatq", f"it answers {NASTY}")
    page = reader.get("/").text
    assert "1 done, 0 dead" in page
    assert "it answers &lt;script&gt;" in page
    assert NASTY not in page


def test_script_in_whatever_comes_from_outside_stays_text(
    reader: Visitor, ledger: Ledger, redis: Redis
) -> None:
    job_id = accept(ledger, NASTY, syslog_message={NASTY: "\ud800" + NASTY})
    (claim,) = ledger.claim("events", 1)
    ledger.settle([dead(claim, NASTY)])
    (item,) = Quarantine(redis).keep([Unreadable("http", NASTY, "not_json", NASTY, NASTY.encode())])
    for path in (
        "/",
        "/jobs?list=dead",
        f"/jobs/{job_id}",
        "/jobs?q=" + NASTY,
        "/quarantine",
        f"/quarantine/{item}",
    ):
        answer = reader.get(path)
        assert answer.status_code == 200, path
        assert NASTY not in answer.text
        assert "&lt;script&gt;" in answer.text


def test_a_job_is_found_by_id_alarm_name_and_value(reader: Visitor, ledger: Ledger) -> None:
    alarm = {"alarm_id": "4711", "alarm_name": "Beacon", "observed": {"SIP": "192.0.2.7"}}
    (job,) = ledger.accept([Job("sightings.add", alarm, producer="stub", title="Beacon (4711)")])
    for text in ("4711", "beacon", "192[.]0[.]2[.]7"):
        assert f"/jobs/{job.id}" in reader.get(f"/jobs?q={text}").text
    assert reader.get(f"/jobs?q={job.id}").url.endswith(f"/jobs/{job.id}")
    assert "None." in reader.get("/jobs?q=nobody").text


def test_dead_letters_beyond_the_first_hundred_are_on_further_pages(
    reader: Visitor, ledger: Ledger, redis: Redis
) -> None:
    # Given 150 dead letters
    jobs = [
        Job("events.create", {"payload": {"n": n}}, producer="cli", title=f"number {n:03}")
        for n in range(150)
    ]
    ids = [answer.id for answer in ledger.accept(jobs)]
    redis.delete(keys.due("events"))
    redis.zadd(keys.DEAD, {job_id: at + 1 for at, job_id in enumerate(ids)})
    first = reader.get("/jobs?list=dead").text
    assert ("number 149" in first, "number 050" in first, "number 049" in first) == (True, True, False)
    # When the next page is asked for, then it has the oldest, and leads back
    link = re.search(r'href="(/jobs\?[^"]*)" rel="next"', first)
    assert link
    second = reader.get(link[1].replace("&amp;", "&")).text
    assert ("number 049" in second, "number 000" in second, "number 050" in second) == (True, True, False)
    assert ('href="/jobs?list=dead">First page' in second, 'rel="next"' in second) == (True, False)
    assert reader.get("/jobs?list=dead&cursor=x").status_code == 400


def test_the_filters_of_the_list_are_kept_in_its_form(reader: Visitor, ledger: Ledger) -> None:
    ledger.accept([Job("events.create", {"payload": {}}, producer="cli", title="one of the command line")])
    ledger.accept([Job("indicators.lookup", {"value": "x"}, producer="stub", title="one of an analyst")])
    page = reader.get("/jobs?list=all&entry=stub").text
    assert ("one of an analyst" in page, "one of the command line" in page) == (True, False)
    assert re.search(r'name="entry" value="stub"', page)
    assert "must be one of" in reader.get("/jobs?kind=nothing").text


def test_a_jobs_page_has_its_history_and_a_link_only_to_the_web(reader: Visitor, ledger: Ledger) -> None:
    for title, link, shown in (
        ("one", "https://tq.example/events/7", True),
        ("two", "javascript:alert(1)", False),
    ):
        job_id = accept(ledger, title)
        (claim,) = ledger.claim("events", 1)
        ledger.settle([waiting(claim, "ThreatQ is away", delay_s=0)])
        (claim,) = ledger.claim("events", 1)
        ledger.settle([done(claim, {"link": link, "event_id": 7})])
        page = reader.get(f"/jobs/{job_id}").text
        assert "ThreatQ is away" in page
        assert (f'href="{link}"' in page) is shown
    assert reader.get("/jobs/" + "0" * 24).status_code == 404


def test_runs_of_the_list_sync_with_adds_and_deletes_per_list(reader: Visitor, redis: Redis) -> None:
    lists = (ListResult(name="TQ FQDN", now=10, adds=1234, deletes=5, after=1239),)
    run = RunResult(
        job="a" * 24,
        collection="Very High",
        status="done",
        method="full",
        plan="",
        began_ms=0,
        seconds=2,
        declared=9,
        read=9,
        lists=lists,
    )
    keep_result(redis, run)
    assert "1,234" in reader.get("/").text
    assert re.search(r"TQ FQDN.*1,234.*1,239", reader.get("/syncs").text, re.DOTALL)


def test_a_sync_that_waits_with_what_fails_and_since_when(
    reader: Visitor, ledger: Ledger, redis: Redis
) -> None:
    ledger.accept([Job("lists.sync", {"collection": "Very High"}, producer="beat")])
    (claim,) = ledger.claim("sync", 1)
    reason = "ThreatQ answers POST /api/indicators/query with 500"
    ledger.settle([waiting(claim, reason, 60)])
    (waits,) = waiting_runs(redis)
    since = f">{moment(waits.since_ms)}<"
    for path in ("/", "/syncs"):
        page = reader.get(path).text
        assert re.search(f"Syncs that wait.*Very High.*{reason}.*{since}.*{claim.id}", page, re.DOTALL)


def test_the_minutes_of_the_last_hour_are_counted_and_expire(ledger: Ledger, redis: Redis) -> None:
    for number in range(4):
        accept(ledger, f"job {number}")
    one, two, three, four = ledger.claim("events", 4)
    ledger.settle([done(one, {}), dead(two, "no"), done(three, {}), waiting(four, "later", delay_s=9)])
    minutes = last_minutes(redis)
    assert len(minutes) == 60
    states = ("done", "dead", "waiting")
    assert [sum(getattr(minute, state) for minute in minutes) for state in states] == [2, 1, 1]
    assert all(0 < redis.pttl(key) <= 7_200_000 for key in redis.keys(keys.PREFIX + "minute:*"))


def test_a_search_has_bounds_of_length_and_of_time(reader: Visitor, ledger: Ledger, redis: Redis) -> None:
    # A text longer than anything that an analyst pastes is refused
    assert reader.get("/jobs?q=" + "a" * 201).status_code == 400
    # A search that may take no time looks at one page of jobs and says that there may be more
    ledger.accept(
        [Job("events.create", {"payload": {"n": n}}, producer="cli", title="t") for n in range(PAGE + 1)]
    )
    found = search(redis, "nowhere", within_s=0)
    assert (found.scanned, found.more) == (PAGE, True)
