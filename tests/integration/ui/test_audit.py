"""Each form of the page leaves an entry that names who sent it and from where; the page shows the trail."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
import requests
from redis import Redis

from producers.http.app import page_routes, routes
from tests.integration.ui.letters import NASTY, bury
from tests.support.browsing import Forms, Visitor
from tests.support.producers import OPERATOR, READER, TOKEN, Shim, event
from tests.support.trail import acts, last
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys, sync_keys
from workers.ledger.acts import Actor
from workers.ledger.audit import Audit, entries
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.sync_approvals import PendingDelete

pytestmark = pytest.mark.integration

#: What is done by each form, and how a test does it: the form's page, its action and its fields.
Step = Callable[[Redis], tuple[str, str, dict[str, str]]]


def dead_letter(redis: Redis) -> tuple[str, str, dict[str, str]]:
    job_id = bury(Ledger(redis))
    return f"/jobs/{job_id}", "/replay", {}


def pending(redis: Redis) -> tuple[str, str, dict[str, str]]:
    deletes = PendingDelete("aa11", "c", "a list", 2, 5, "a reason", ("bad.example",), 1)
    redis.hset(sync_keys.PENDING, deletes.id, msgspec.json.encode(deletes))
    return "/", "/syncs/aa11/approve", {}


def open_run(redis: Redis) -> tuple[str, str, dict[str, str]]:
    (accepted,) = Ledger(redis).accept([Job("lists.sync", {"collection": "C"}, producer="cli")])
    return "/syncs", f"/syncs/{accepted.id}/cancel", {}


def paused(redis: Redis) -> tuple[str, str, dict[str, str]]:
    redis.sadd(keys.PAUSED, "sync")
    return "/", "/queues/sync/resume", {}


def item(redis: Redis) -> str:
    (item_id,) = Quarantine(redis).keep([Unreadable("bridge", "list", "not_json", "why", b"[")])
    return f"/quarantine/{item_id}"


def mended(redis: Redis) -> tuple[str, str, dict[str, str]]:
    path = item(redis)
    return path, f"{path}/retry", {"text": '{"event_name": "a", "event_type": "Sighting"}'}


def unwanted(redis: Redis) -> tuple[str, str, dict[str, str]]:
    path = item(redis)
    return path, f"{path}/drop", {}


STEPS: dict[str, tuple[str, Step]] = {
    "/sign-in": ("sign-in", lambda _: ("/sign-in", "/sign-in", {"token": OPERATOR})),
    "/sign-out": ("sign-out", lambda _: ("/", "/sign-out", {})),
    "/replay": ("replay", dead_letter),
    "/queues/{queue}/pause": ("pause", lambda _: ("/", "/queues/sync/pause", {})),
    "/queues/{queue}/resume": ("resume", paused),
    "/syncs/{id}/approve": ("approve", pending),
    "/syncs/{id}/cancel": ("cancel", open_run),
    "/quarantine/{id}/retry": ("release", mended),
    "/quarantine/{id}/drop": ("quarantine drop", unwanted),
}

#: What the API takes: each becomes a job that names the token, or nothing at all.
BECOMES_A_JOB = {"/v1/events", "/v1/actions/{action}"}
CHANGES_NOTHING = {"/v1/events:validate"}


def test_every_route_that_takes_something_is_walked_here() -> None:
    forms = {route.path for route in page_routes() if "POST" in (route.methods or ())}
    assert forms == set(STEPS)
    assert {
        route.path for route in routes() if "POST" in (route.methods or ())
    } == BECOMES_A_JOB | CHANGES_NOTHING


@pytest.mark.parametrize("route", STEPS)
def test_a_form_leaves_an_entry_with_the_token_and_the_address(
    route: str, visitor: Visitor, redis: Redis
) -> None:
    act, step = STEPS[route]
    if route != "/sign-in":
        visitor.sign_in(OPERATOR)
    page, action, fields = step(redis)
    hidden = next(
        form
        for name, form in Forms(visitor.get(page).text).found.items()
        if name in (action, action[:-4] + "retry")
    )
    assert visitor.post(action, **(hidden | fields)).ok
    entry = last(redis)
    assert (entry.act, entry.by, entry.via, entry.address) == (act, "operator", "page", "127.0.0.1")


@pytest.mark.parametrize("path", ["/v1/events", "/v1/actions/whitelist"])
def test_a_job_names_the_token_that_it_came_from(shim: Shim, visitor: Visitor, path: str) -> None:
    body = event() if path == "/v1/events" else {"type": "FQDN", "value": "bad.example"}
    job = shim.post(path, body).json()["id"]
    assert shim.call("GET", f"/v1/jobs/{job}").json()["sender"] == "nifi"
    visitor.sign_in(READER)
    assert "<dt>Sender</dt><dd>nifi</dd>" in visitor.get(f"/jobs/{job}").text


def test_the_first_use_of_a_token_is_recorded_once_a_day_and_address(shim: Shim, redis: Redis) -> None:
    # Another test of this run may have been the first of the day in the process's memory
    shim.call("GET", "/v1/batches/" + "0" * 24, token=TOKEN)
    for _ in range(3):
        shim.post("/v1/events", event())
    assert acts(redis).count("token used") <= 1


def test_sign_ins_that_fail_are_recorded_without_what_was_typed(visitor: Visitor, redis: Redis) -> None:
    visitor.sign_in("not-the-right-token")
    until(lambda: acts(redis))
    entry = last(redis)
    assert (entry.act, entry.by, entry.address) == ("sign-in refused", "unknown", "127.0.0.1")
    assert "not-the-right-token" not in repr(list(entries(redis)))


@pytest.mark.parametrize(
    ("token", "by", "reason"),
    [("not-the-right-token", "unknown", "unauthorized"), (READER, "reader", "forbidden")],
)
def test_tokens_that_the_api_refuses_are_recorded(
    shim: Shim, redis: Redis, token: str, by: str, reason: str
) -> None:
    assert shim.post("/v1/events", event(), token=token).status_code in (401, 403)
    until(lambda: "token refused" in acts(redis))
    entry = next(found.entry for found in entries(redis) if found.entry.act == "token refused")
    assert (entry.by, entry.via, entry.address, entry.detail["reason"]) == (by, "http", "127.0.0.1", reason)
    assert "not-the-right-token" not in repr(list(entries(redis)))


def test_a_request_without_a_token_is_no_refused_token(shim: Shim, redis: Redis) -> None:
    assert requests.post(f"{shim.url}/v1/events", json=event(), timeout=30).status_code == 401
    assert shim.post("/v1/events", event(), token=READER).status_code == 403
    until(lambda: acts(redis))
    assert acts(redis).count("token refused") == 1


def test_the_trail_is_shown_page_by_page_to_those_who_may(visitor: Visitor, redis: Redis) -> None:
    audit = Audit(redis, Actor(NASTY, "tqctl"))
    for number in range(150):
        audit.record("approve", f"{NASTY} {number}")
    visitor.sign_in(READER)
    assert visitor.get("/audit").status_code == 403
    assert 'href="/audit"' not in visitor.get("/").text
    visitor.sign_in(OPERATOR)
    page = visitor.get("/audit?act=approve").text
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; 14") == 10
    assert "<script>alert" not in page
    older = Forms(page).links["Older"]
    assert "alert(1)&lt;/script&gt; 0<" in visitor.get(older).text
    assert "No such entry" in visitor.get("/audit?by=not+there").text
    assert visitor.get("/audit?before=x'").ok
