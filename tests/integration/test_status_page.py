"""The status page over real HTTP: who gets in, what it shows, what it does, and what a browser is told."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from redis import Redis

from tests.browsing import Forms, Visitor
from tests.doors import OPERATOR, READER, Process, Shim
from tests.waiting import until
from workers.jobs import Job
from workers.ledger import keys
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.records import dead, done, waiting
from workers.ledger.throughput import last_minutes
from workers.sync.held import HeldDeletes, Hold
from workers.sync.journal import ListResult, RunResult, keep_result

pytestmark = pytest.mark.integration

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def visitor(shim: Shim) -> Iterator[Visitor]:
    """Somebody who is not signed in."""
    somebody = Visitor(shim.url)
    yield somebody
    somebody.http.close()


@pytest.fixture
def operator(visitor: Visitor) -> Visitor:
    """Somebody who may do everything."""
    assert visitor.sign_in(OPERATOR).url.endswith("/")
    return visitor


@pytest.fixture
def reader(visitor: Visitor) -> Visitor:
    """Somebody who may only look."""
    visitor.sign_in(READER)
    return visitor


def accept(ledger: Ledger, title: str = "a title", **payload: object) -> str:
    (accepted,) = ledger.accept(
        [Job("events.create", {"payload": {"event_name": title, **payload}}, door="cli", title=title)]
    )
    return accepted.id


def bury(ledger: Ledger, title: str = "a title") -> str:
    job_id = accept(ledger, title)
    ledger.settle([dead(claim, "the type is unknown") for claim in ledger.claim("events", 1)])
    return job_id


class TestSigningIn:
    def test_whoever_is_not_signed_in_is_asked_for_a_token_and_comes_back_to_his_page(
        self, visitor: Visitor
    ) -> None:
        asked = visitor.get("/jobs?list=dead")
        assert asked.url.endswith("/sign-in?next=%2Fjobs%3Flist%3Ddead")
        hidden = Forms(asked.text).found["/sign-in"]
        assert visitor.post("/sign-in", **hidden, token=READER).url.endswith("/jobs?list=dead")

    @pytest.mark.parametrize(
        ("token", "status", "words"), [("open", 401, "no such token"), ("", 401, "no such token")]
    )
    def test_a_wrong_token_is_refused(self, visitor: Visitor, token: str, status: int, words: str) -> None:
        refused = visitor.sign_in(token)
        assert refused.status_code == status
        assert words in refused.text
        assert visitor.get("/").url.endswith("/sign-in")

    def test_a_token_that_may_not_read_does_not_get_in(self, visitor: Visitor) -> None:
        refused = visitor.sign_in("only-sends")
        assert (refused.status_code, "scope read" in refused.text) == (403, True)

    def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_redis_has_only_digests(
        self, visitor: Visitor, redis: Redis
    ) -> None:
        hidden = Forms(visitor.get("/sign-in").text).found["/sign-in"]
        answer = visitor.http.post(
            visitor.url + "/sign-in", data={**hidden, "token": READER}, allow_redirects=False, timeout=30
        )
        cookie = next(text for text in answer.raw.headers.getlist("Set-Cookie") if text.startswith("tq="))
        assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=28800"} <= set(cookie.split("; "))
        (key,) = redis.keys(keys.session("*"))
        assert 0 < redis.ttl(key) <= 28_800
        kept = repr(key) + repr(redis.hgetall(key))
        assert READER not in kept
        assert cookie.split(";")[0].removeprefix("tq=") not in kept

    def test_signing_out_ends_the_session_everywhere(self, reader: Visitor, redis: Redis) -> None:
        cookies = dict(reader.http.cookies)
        assert reader.send("/", "/sign-out").url.endswith("/sign-in")
        reader.http.cookies.update(cookies)
        assert reader.get("/").url.endswith("/sign-in")
        assert redis.keys(keys.session("*")) == []

    def test_wrong_attempts_are_counted_by_address(self, redis_url: str, tmp_path: Path) -> None:
        shim = Shim(tmp_path, redis_url)
        visitor = Visitor(shim.url)
        assert visitor.sign_in(READER).status_code == 200
        statuses = [visitor.sign_in("guess").status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        assert visitor.sign_in(READER).status_code == 429
        log = (tmp_path / "tq-http-shim.log").read_text()
        assert shim.stop() == 0
        assert "sign-in refused" in log
        assert "guess" not in log

    def test_a_token_that_is_taken_out_of_the_settings_ends_its_sessions(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        with_token = Shim(tmp_path, redis_url)
        visitor = Visitor(with_token.url)
        visitor.sign_in(READER)
        assert with_token.stop() == 0
        without = Shim(tmp_path, redis_url, http_tokens="reader:read:another-token")
        visitor.url = without.url
        assert visitor.get("/").url.endswith("/sign-in")
        assert without.stop() == 0

    def test_a_link_in_a_chat_leads_past_the_cookie_that_stays_away(self, visitor: Visitor) -> None:
        answer = visitor.get("/jobs?list=dead", **{"Sec-Fetch-Site": "cross-site"})
        assert '<meta http-equiv="refresh" content="0;url=/jobs?list=dead">' in answer.text


class TestForms:
    def test_a_form_without_the_sessions_secret_does_nothing(self, operator: Visitor, desk: Desk) -> None:
        for csrf in ("", "guess"):
            assert operator.post("/queues/events/pause", csrf=csrf).status_code == 403
        assert desk.paused() == set()

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_a_form_of_another_site_does_nothing(
        self, operator: Visitor, desk: Desk, headers: dict[str, str]
    ) -> None:
        hidden = Forms(operator.get("/").text).found["/queues/events/pause"]
        operator.http.headers.update(headers)
        assert operator.post("/queues/events/pause", **hidden).status_code == 403
        assert desk.paused() == set()

    def test_another_site_cannot_sign_somebody_in(self, visitor: Visitor) -> None:
        refused = visitor.post("/sign-in", token=READER, csrf="x")
        assert refused.status_code == 403

    def test_whoever_may_only_read_sees_no_buttons_and_cannot_press_them(
        self, reader: Visitor, ledger: Ledger, desk: Desk
    ) -> None:
        job_id = bury(ledger)
        page = reader.get("/").text
        assert set(Forms(page).found) == {"/jobs", "/sign-out"}
        csrf = Forms(page).found["/sign-out"]["csrf"]
        refused = reader.post("/replay", csrf=csrf, id=job_id)
        assert (refused.status_code, "lacks operate" in refused.text) == (403, True)
        assert desk.ids("dead") == [job_id]

    def test_a_form_that_is_too_large_or_no_form_is_refused(self, operator: Visitor) -> None:
        assert operator.post("/replay", id="x" * 500_000).status_code == 413
        answer = operator.http.post(operator.url + "/replay", data="nonsense", timeout=30)
        assert answer.status_code == 400


class TestWhatItShows:
    def test_queues_the_last_hour_and_services(self, reader: Visitor, ledger: Ledger) -> None:
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
        self, reader: Visitor, ledger: Ledger, redis: Redis
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

    def test_a_job_is_found_by_id_alarm_name_and_value(self, reader: Visitor, ledger: Ledger) -> None:
        alarm = {"alarm_id": "4711", "alarm_name": "Beacon", "observed": {"SIP": "192.0.2.7"}}
        (job,) = ledger.accept([Job("sightings.add", alarm, door="stub", title="Beacon (4711)")])
        for text in ("4711", "beacon", "192[.]0[.]2[.]7"):
            assert f"/jobs/{job.id}" in reader.get(f"/jobs?q={text}").text
        assert reader.get(f"/jobs?q={job.id}").url.endswith(f"/jobs/{job.id}")
        assert "None." in reader.get("/jobs?q=nobody").text

    def test_a_jobs_page_has_its_history_and_a_link_only_to_the_web(
        self, reader: Visitor, ledger: Ledger
    ) -> None:
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

    def test_runs_of_the_list_sync_with_adds_and_deletes_per_list(
        self, reader: Visitor, redis: Redis
    ) -> None:
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


class TestActing:
    def test_a_dead_letter_is_replayed_by_a_person_with_a_name(
        self, operator: Visitor, ledger: Ledger, desk: Desk
    ) -> None:
        job_id = bury(ledger)
        answer = operator.send(f"/jobs/{job_id}", "/replay")
        assert "1 job will be tried again." in answer.text
        record = desk.record(job_id)
        assert record is not None
        assert (record.state, record.result) == ("accepted", {"reason": "replayed by operator"})
        assert "tried again" not in operator.get(f"/jobs/{job_id}").text

    def test_all_dead_letters_are_replayed_at_once(
        self, operator: Visitor, ledger: Ledger, desk: Desk
    ) -> None:
        for number in range(3):
            bury(ledger, f"letter {number}")
        assert "3 jobs will be tried again." in operator.send("/jobs?list=dead", "/replay", all="1").text
        assert desk.dead_count() == 0
        assert (
            "Nothing was ticked"
            in operator.post("/replay", **Forms(operator.get("/").text).found["/sign-out"]).text
        )

    def test_a_queue_is_paused_and_goes_on(self, operator: Visitor, desk: Desk) -> None:
        operator.send("/", "/queues/sync/pause")
        assert desk.paused() == {"sync"}
        operator.send("/", "/queues/sync/resume")
        assert desk.paused() == set()
        csrf = Forms(operator.get("/").text).found["/sign-out"]
        assert operator.post("/queues/upkeep/pause", **csrf).status_code == 404

    def test_a_queue_that_tqctl_paused_is_left_to_it(self, operator: Visitor, desk: Desk) -> None:
        desk.pause("events", workers=["worker@host"])
        answer = operator.send("/", "/queues/events/resume")
        assert "tqctl resume events" in answer.text
        assert desk.paused() == {"events"}

    def test_held_deletes_are_approved_under_the_approvers_name(
        self, operator: Visitor, redis: Redis
    ) -> None:
        hold = Hold("aa11", "Very High", f"TQ {NASTY}", 2000, 5000, "40 % of the list", ("bad.example",), 1)
        redis.hset(keys.SYNC_HELD, hold.id, msgspec.json.encode(hold))
        assert "2,000 deletes of TQ &lt;script&gt;" in operator.send("/", "/syncs/aa11/approve").text
        (approved,) = HeldDeletes(redis).every()
        assert (approved.approved_by, approved.approved_ms > 0) == ("operator", True)
        gone = operator.post("/syncs/bb22/approve", **Forms(operator.get("/").text).found["/sign-out"])
        assert (gone.status_code, "not held" in gone.text) == (409, True)

    def test_an_item_of_the_quarantine_is_corrected_and_accepted(
        self, operator: Visitor, redis: Redis, desk: Desk
    ) -> None:
        quarantine = Quarantine(redis)
        (item,) = quarantine.keep([Unreadable("bridge", "list", "not_json", "why", b'{"event_name": "a"')])
        still = operator.send(f"/quarantine/{item}", f"/quarantine/{item}/retry", text="[7]")
        assert "It still cannot be read" in still.text
        good = json.dumps({"event_name": "mended", "event_type": "Sighting"})
        answer = operator.send(f"/quarantine/{item}", f"/quarantine/{item}/retry", text=good)
        assert "mended" in answer.text
        assert quarantine.count() == 0
        (record,) = desk.records(desk.ids("accepted"))
        assert (record.title, record.door) == ("mended", "bridge")

    def test_an_item_of_the_quarantine_is_forgotten(self, operator: Visitor, redis: Redis) -> None:
        quarantine = Quarantine(redis)
        (item,) = quarantine.keep([Unreadable("http", "", "not_json", "why", b"\xff\x00")])
        csrf = Forms(operator.get(f"/quarantine/{item}").text).found[f"/quarantine/{item}/retry"]
        operator.post(f"/quarantine/{item}/drop", **csrf)
        assert quarantine.count() == 0
        assert operator.get(f"/quarantine/{item}").status_code == 404


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/sign-in", "/static/page.css", "/jobs/none"])
    def test_a_browser_may_do_no_more_than_the_page_needs(self, reader: Visitor, path: str) -> None:
        headers = reader.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert headers["Referrer-Policy"] == "same-origin"

    def test_what_is_shown_is_not_kept_by_the_browser(self, reader: Visitor) -> None:
        assert reader.get("/").headers["Cache-Control"] == "no-store"

    def test_the_page_needs_nothing_from_elsewhere(self, operator: Visitor, ledger: Ledger) -> None:
        job_id = accept(ledger)
        for path in (
            "/",
            "/jobs",
            f"/jobs/{job_id}",
            "/quarantine",
            "/syncs",
            "/sign-in",
            "/static/page.css",
        ):
            text = operator.get(path).text
            assert not re.search(
                r"(src|href|action)=\"(https?:)?//|url\(|@import|style=\"|\son\w+=\"", text
            ), path

    def test_behind_a_proxy_that_speaks_tls_cookies_demand_it(self, redis_url: str, tmp_path: Path) -> None:
        shim = Shim(tmp_path, redis_url, http_behind_tls="true")
        visitor = Visitor(shim.url)
        hidden = Forms(visitor.get("/sign-in").text).found["/sign-in"]
        answer = visitor.http.post(
            shim.url + "/sign-in",
            data={**hidden, "token": READER},
            headers={"Cookie": f"tq-form={hidden['csrf']}"},
            allow_redirects=False,
            timeout=30,
        )
        assert shim.stop() == 0
        cookie = next(
            text for text in answer.raw.headers.getlist("Set-Cookie") if text.startswith("__Host-tq=")
        )
        assert "Secure" in cookie
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


class TestTheDoorItself:
    def test_a_token_that_is_used_too_often_is_asked_to_come_later(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        shim = Shim(tmp_path, redis_url, http_requests_per_s="0.5")
        answers = [shim.call("GET", "/metrics") for _ in range(2)]
        other = shim.call("GET", "/metrics", token=READER)
        assert shim.stop() == 0
        assert [answer.status_code for answer in answers] == [200, 503]
        assert (answers[1].json()["code"], int(answers[1].headers["Retry-After"]) >= 1) == ("too_fast", True)
        assert other.status_code == 200

    def test_without_tokens_on_this_machine_the_page_asks_nobody(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        ready = tmp_path / "ready.json"
        environ = {"TQ_REDIS_URL": redis_url}
        process = Process(
            "tq-http-shim", tmp_path, environ, "--port", "0", "--insecure-no-auth", "--ready-file", str(ready)
        )
        until(ready.exists, within_s=30)
        visitor = Visitor(json.loads(ready.read_text())["url"])
        assert "asks nobody" in visitor.get("/").text
        assert visitor.send("/sign-in", "/sign-in").status_code == 200
        stranger = visitor.get("/", Host="evil.example")
        assert process.stop() == 0
        assert stranger.status_code == 421


def test_the_minutes_of_the_last_hour_are_counted_and_expire(ledger: Ledger, redis: Redis) -> None:
    for number in range(4):
        accept(ledger, f"job {number}")
    one, two, three, four = ledger.claim("events", 4)
    ledger.settle([done(one, {}), dead(two, "no"), done(three, {}), waiting(four, "later", delay_s=9)])
    minutes = last_minutes(redis)
    assert len(minutes) == 60
    assert [sum(getattr(one, state) for one in minutes) for state in ("done", "dead", "waiting")] == [2, 1, 1]
    assert all(0 < redis.pttl(key) <= 7_200_000 for key in redis.keys(keys.PREFIX + "minute:*"))
