"""The status page in a real browser, beside a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from redis import Redis

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from tests.support.browser import WITHIN_MS, is_wider_than_the_window, sign_in
from tests.support.producers import OPERATOR, READER, Shim
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.waiting import until
from workers.ledger import keys, sync_keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes

pytestmark = pytest.mark.acceptance

expect.set_options(timeout=WITHIN_MS)

#: What would run if it were not escaped somewhere: as an element, and as one that needs no script element.
NASTY = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"

#: Tells whether the text of each element is on one line; a key of colour is an element without text.
ARE_ON_ONE_LINE = """words => [...document.querySelectorAll(words)].every(element => {
  const range = document.createRange();
  range.selectNodeContents(element);
  const boxes = [...range.getClientRects()];
  return Math.max(...boxes.map(box => box.bottom)) - Math.min(...boxes.map(box => box.top)) < 30;
})"""


@pytest.fixture(scope="module")
def producer(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """The HTTP entry point beside the worker."""
    with Shim(tmp_path_factory.mktemp("page"), redis_server.url) as shim:
        yield shim
        assert shim.stop() == 0


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past."""
    made = browser.new_context()
    made.set_default_timeout(WITHIN_MS)
    yield made
    made.close()


@pytest.fixture
def page(working: Processes, producer: Shim, context: BrowserContext) -> Page:
    """The status page of the running system, seen by an operator."""
    opened = context.new_page()
    sign_in(opened, producer.url, OPERATOR)
    return opened


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {"event_name": name, "event_type": "Sighting", **fields}


def send(producer: Shim, name: str, **fields: Any) -> str:
    answer = producer.post("/v1/events", event(name, **fields))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_a_job_is_seen_going_through_without_a_reload(page: Page, producer: Shim) -> None:
    # Given an open page, on which a mark would not survive a reload
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    page.evaluate("window.mark = true")
    # When a payload comes in
    send(producer, "CreateUser from 1.2.3.4")
    # Then the page shows it, done, and counts it
    row = page.locator("#latest tr").filter(has_text="CreateUser from 1.2.3.4")
    expect(row.locator(".state")).to_have_text("done")
    expect(page.locator("#chart")).to_contain_text("1 done")
    assert page.evaluate("window.mark") is True
    # And its own page leads to the event in ThreatQ
    row.get_by_role("link").click()
    expect(page.get_by_role("link", name="Open it in ThreatQ")).to_be_visible()


def test_a_worker_is_seen_with_its_queues_and_a_queue_that_lost_its_worker_turns_red(
    page: Page, producer: Shim, working: Processes, redis: Redis
) -> None:
    # Given the worker that consumes every queue
    row = page.locator("#workers tbody tr")
    expect(row).to_contain_text("enrichment, events, sync, upkeep")
    expect(row.locator(".state.bad")).to_have_count(0)
    expect(page.locator("#queues .state.good")).to_have_count(4)
    # When it has given no sign of life for a minute, as one that was killed
    member = redis.zrange(keys.WORKERS, 0, 0)[0]
    sign = redis.get(keys.worker(member.decode()))
    killed = member.replace(b"worker", b"killed")
    redis.set(keys.worker(killed.decode()), str(sign, "utf-8").replace("worker@", "killed@"))
    redis.zadd(keys.WORKERS, {killed: redis.zscore(keys.WORKERS, member) - 60_000})
    page.reload()
    # Then it is shown as silent, and the living one beside it
    expect(page.locator("#workers tr", has_text="killed@").locator(".state.bad")).to_contain_text(
        "silent for 1"
    )
    # And without a living one the queue is red and says what to do
    working.stop("worker")
    try:
        page.reload()
        queue = page.locator("#queues tr", has_text="events").first
        expect(queue.locator(".state.bad")).to_have_text("no worker")
        expect(queue).to_contain_text("celery -A workers.app worker -P threads -Q events")
        expect(page.locator("#workers")).not_to_contain_text("worker@")
    finally:
        working.worker("worker", "events", "enrichment", "sync", "upkeep")


def test_a_dead_letter_is_replayed_once_its_cause_is_gone(
    page: Page, producer: Shim, admin: LedgerAdmin, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given a payload that ThreatQ refuses
    threatq_sandbox.behave(poison=["*unwanted*"])
    job_id = send(producer, "an unwanted title")
    button = page.get_by_role("button", name="Replay an unwanted title")
    expect(button).to_be_visible()
    # When ThreatQ takes it again and the operator presses the button
    threatq_sandbox.behave(poison=[])
    button.click()
    # Then that is confirmed, and the job is done
    expect(page.get_by_role("status")).to_have_text("1 job will be tried again.")
    until(lambda: job_id in admin.ids("done"), within_s=30)
    page.goto(f"{producer.url}/jobs/{job_id}")
    expect(page.locator("#history")).to_contain_text("replayed by operator")


def test_pending_deletes_are_shown_and_approved(page: Page, redis: Redis) -> None:
    # Given deletes that the guard made wait for approval
    pending = PendingDelete(
        "aa11", "Very High", "TQ FQDN Very High", 2000, 5000, "40 % of the list", ("bad.example",), 1
    )
    redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    # When the operator looks at some of them and approves
    page.reload()
    page.get_by_text("Some of what would go").click()
    expect(page.get_by_text("bad.example")).to_be_visible()
    page.get_by_role("button", name="Approve 2,000 deletes of TQ FQDN Very High").click()
    # Then the approval stands under the operator's name
    expect(page.locator("#pending .state")).to_have_text("approved")
    (approved,) = PendingDeletes(redis).every()
    assert approved.approved_by == "operator"


def test_deletes_that_may_not_be_approved_show_why_and_no_button(
    page: Page, producer: Shim, redis: Redis
) -> None:
    # Given deletes that an operator may approve, and others in doubt
    doubt = "ThreatQ's listing is not complete"
    sound = PendingDelete("aa11", "Very High", "TQ FQDN", 2000, 5000, "40 % of the list", (), 1)
    doubted = PendingDelete("bb22", "Very High", "TQ MD5", 900, 900, doubt, (), 2, doubt=doubt)
    for pending in (sound, doubted):
        redis.hset(sync_keys.PENDING, pending.id, msgspec.json.encode(pending))
    # When both pages that show them are opened
    for path in ("/", "/syncs"):
        page.goto(producer.url + path)
        # Then one has a button, the other the reason
        expect(page.get_by_role("button", name="Approve")).to_have_count(1)
        expect(page.locator(".pending-delete", has_text="TQ MD5")).to_contain_text(doubt)
        expect(page.locator(".pending-delete", has_text="TQ MD5").locator(".state")).to_have_text(
            "not to be approved now"
        )


def test_a_service_that_is_not_configured_is_not_said_to_be_well(page: Page) -> None:
    services = page.locator("#services li")
    # Given a worker whose settings name a ThreatQ and no LogRhythm, then the page tells them apart
    expect(services.filter(has_text="ThreatQ").locator(".dot")).to_have_class("dot good")
    logrhythm = services.filter(has_text="LogRhythm")
    expect(logrhythm).to_contain_text("not configured")
    expect(logrhythm).to_contain_text("not set: TQ_LOGRHYTHM_URL, TQ_LOGRHYTHM_TOKEN")
    expect(logrhythm.locator(".dot")).to_have_class("dot none")


def test_what_cannot_be_read_is_corrected_in_the_browser(
    page: Page, admin: LedgerAdmin, redis: Redis
) -> None:
    Quarantine(redis).keep(
        [
            Unreadable(
                "http", "nifi", "not_json", "no JSON", b'{"event_name": "mended" "event_type": "Sighting"}'
            )
        ]
    )
    page.get_by_role("link", name="Quarantine", exact=True).click()
    page.get_by_role("link", name="no JSON").click()
    page.get_by_label("Its text").fill('{"event_name": "mended", "event_type": "Sighting"}')
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="mended")).to_be_visible()
    until(lambda: admin.ids("done"), within_s=30)


def test_script_in_an_event_or_its_syslog_message_stays_text(
    page: Page, producer: Shim, admin: LedgerAdmin, redis: Redis
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    # Given a job whose every text is hostile, and an item of the quarantine
    job_id = send(producer, NASTY, syslog_message={NASTY: NASTY}, event_source=NASTY)
    Quarantine(redis).keep([Unreadable("http", NASTY, "not_json", NASTY, NASTY.encode())])
    until(lambda: job_id in admin.ids("done"), within_s=30)
    # When all pages that show it are opened
    for path in ("/", f"/jobs/{job_id}", "/jobs?list=done", "/jobs?q=script", "/quarantine"):
        page.goto(producer.url + path)
        # Then it stands there as it came, and nothing ran or was even tried
        expect(page.get_by_text("<script>document.title").first).to_be_visible()
        assert "owned" not in page.title().replace(NASTY, "")
        assert page.locator("main img, main script").count() == 0
    assert complaints == []


def test_the_keyboard_is_enough(
    producer: Shim, working: Processes, context: BrowserContext, admin: LedgerAdmin
) -> None:
    job_id = send(producer, "found by keyboard")
    until(lambda: job_id in admin.ids("done"), within_s=30)
    page = context.new_page()
    page.goto(producer.url)
    # The token's field has the focus by itself
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(READER)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()
    # The first stop leads past the navigation
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    # Search, then follow the first link that was found
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "q":
            break
    page.keyboard.type("found by keyb")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Jobs that say").wait_for()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "found by keyboard":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{producer.url}/jobs/{job_id}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways_in_the_colours_that_were_asked_for(
    browser: Browser, working: Processes, producer: Shim, admin: LedgerAdmin, redis: Redis, scheme: Any
) -> None:
    # Given long words everywhere
    job_id = send(producer, "x" * 180, syslog_message="y" * 500)
    Quarantine(redis).keep([Unreadable("http", "z" * 90, "not_json", "r" * 150, b"q" * 500)])
    until(lambda: job_id in admin.ids("done"), within_s=30)
    with browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme=scheme, device_scale_factor=2, has_touch=True
    ) as phone:
        page = phone.new_page()
        page.goto(producer.url)
        assert not is_wider_than_the_window(page)
        sign_in(page, producer.url, OPERATOR)
        for path in ("/", "/jobs?list=done", f"/jobs/{job_id}", "/quarantine", "/syncs", "/jobs?q=none"):
            page.goto(producer.url + path)
            assert not is_wider_than_the_window(page), path
        page.goto(producer.url)
        # Asked for in one step: what is live is drawn anew meanwhile.
        label = page.evaluate("document.querySelector('#chart text').getBoundingClientRect().height")
        assert label >= 11
        red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
        assert red < 60 if scheme == "dark" else red > 200


def test_it_works_without_scripts(
    browser: Browser, working: Processes, producer: Shim, admin: LedgerAdmin
) -> None:
    with browser.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        sign_in(page, producer.url, OPERATOR)
        page.locator("summary", has_text="Pause").last.click()
        page.locator("#why-sync").fill("lists are renamed")
        page.get_by_role("button", name="Pause sync").click()
        expect(page.get_by_role("status")).to_contain_text("sync is paused")
        expect(page.locator("#services")).to_contain_text("because: lists are renamed, by operator")
        assert admin.paused() == {"sync"}
        page.get_by_role("button", name="Resume sync").click()
        expect(page.get_by_role("status")).to_contain_text("goes on")
        assert admin.paused() == set()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("width", [360, 800])
def test_neither_a_kind_nor_a_key_of_a_chart_is_torn_apart(width: int, page: Page, producer: Shim) -> None:
    send(producer, "A" * 400)
    expect(page.locator("#latest .state")).to_have_text("done")
    page.set_viewport_size({"width": width, "height": 740})
    for words in ("[data-label=Kind]", ".legend > span"):
        assert page.evaluate(ARE_ON_ONE_LINE, words), words


def test_the_second_row_of_a_phones_menu_begins_where_the_first_does(page: Page, producer: Shim) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{producer.url}/jobs")
    places = page.evaluate("[...document.querySelectorAll('.bar nav a')].map(link => link.offsetLeft)")
    assert places.count(places[0]) == 2
