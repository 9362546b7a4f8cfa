"""Flower beside a real worker: it asks for a password, and shows our queues and our work."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import expect

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import free_port
from tests.acceptance.conftest import Command, environment
from tests.support.browser import WITHIN_MS, chromium
from tests.support.producers import event
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.acceptance

ENDED = ("SUCCESS", "FAILURE")
LOGIN = ("admin", "a password of this test")
TQCTL = Path(sys.executable).with_name("tqctl")


@pytest.fixture
def flower(working: Processes, redis_url: str, threatq_server: str, tmp_path: Path) -> Iterator[str]:
    """The address of a Flower that runs behind LOGIN."""
    port = free_port()
    environ = {
        **environment(redis_url, threatq_server),
        "TQ_FLOWER_BASIC_AUTH": ":".join(LOGIN),
        "TQ_FLOWER_PORT": str(port),
    }
    with Processes(tmp_path / "flower", environ) as processes:
        processes.start("flower", TQCTL, "flower")
        url = f"http://127.0.0.1:{port}"
        processes.wait_until(lambda: answers(url), "Flower")
        yield url


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthcheck", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False


def get(url: str, path: str) -> Any:
    answer = requests.get(url + path, auth=LOGIN, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_asks_for_the_password_and_shows_queues_and_finished_work(
    flower: str, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # without the password nothing is shown
    for path in ("/", "/workers", "/api/workers", "/api/tasks"):
        assert requests.get(flower + path, timeout=10).status_code == 401, path
        assert requests.get(flower + path, auth=("admin", "wrong"), timeout=10).status_code == 401, path

    # with it, the queues are ours
    queues = until(lambda: get(flower, "/api/queues/length")["active_queues"], within_s=20)
    assert {"events", "enrichment", "sync", "upkeep"} <= {queue["name"] for queue in queues}

    # and work that was done is seen, without what it was done on
    secret = "a-value-that-flower-must-not-show.example"
    numbers = iter(range(1_000))

    def finished() -> list[dict[str, Any]]:
        # Flower begins to listen some time after it answers, so it is given work until it saw some.
        arguments = {"type": "FQDN", "value": f"{next(numbers)}.{secret}"}
        (accepted,) = ledger.accept([Job("indicators.lookup", arguments, producer="stub", title=secret)])
        assert admin.outcome(accepted.id, wait_s=20) is not None
        tasks = get(flower, "/api/tasks").values()
        return [task for task in tasks if (task["name"], task["state"]) == ("indicators.lookup", "SUCCESS")]

    tasks = until(finished, within_s=30, every_s=0.2)
    assert admin.record(tasks[0]["uuid"]) is not None
    assert secret not in str(tasks)
    assert LOGIN[1] not in str(tasks)


def test_each_job_is_a_task_of_its_kind_and_a_dead_one_has_failed(
    flower: str, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given jobs while Flower listens, one of which ends as a dead letter
    numbers = iter(range(1_000))

    def told() -> list[dict[str, Any]]:
        number = next(numbers)
        payloads = [event(number), {"event_name": number}]
        jobs = [
            Job("events.create", {"payload": payload}, producer="http", title="CreateUser 1.2.3.4")
            for payload in payloads
        ]
        ids = [answer.id for answer in ledger.accept(jobs)]
        for job_id in ids:
            assert admin.outcome(job_id, wait_s=20) is not None
        tasks = get(flower, "/api/tasks")
        # The outcome is in Redis before Flower has heard of the end.
        seen = [task for task in map(tasks.get, ids) if task and task["name"] and task["state"] in ENDED]
        return seen if len(seen) == len(ids) else []

    # Then either is a task of its own, with its id, and what became of it
    done, dead = until(told, within_s=30, every_s=0.2)
    assert (done["name"], done["state"], done["args"]) == ("events.create", "SUCCESS", "('CreateUser …',)")
    assert "event_id" in done["result"]
    assert (dead["name"], dead["state"]) == ("events.create", "FAILURE")
    assert "event_type" in dead["exception"]
    # and no wake-up is among them
    names = {task["name"] for task in get(flower, "/api/tasks").values()}
    assert not [name for name in names if name and name.endswith(".work")]


def test_the_password_is_on_no_command_line(flower: str) -> None:
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"celery -A workers\.app flower", shown)
    assert LOGIN[1] not in shown


@pytest.mark.parametrize(
    ("login", "words"), [("", "behind a login only"), ("admin:", "login"), ("a:b,c", "comma")]
)
def test_without_a_login_it_does_not_start(command: Command, login: str, words: str) -> None:
    answer = command("tqctl", "flower", TQ_FLOWER_BASIC_AUTH=login)
    assert answer.returncode == 2
    assert words in answer.stderr


def test_a_browser_is_asked_for_the_password_first_and_then_shows_queues_and_a_finished_task(
    flower: str, ledger: Ledger, admin: LedgerAdmin
) -> None:
    # Given work that was done while Flower listens, which begins some time after it answers
    values = iter(range(1_000))

    def seen() -> bool:
        arguments = {"type": "FQDN", "value": f"bad{next(values)}.example"}
        (accepted,) = ledger.accept([Job("indicators.lookup", arguments, producer="stub")])
        assert admin.outcome(accepted.id, wait_s=20) is not None
        # Of a task during which Flower began to listen it knows the end and no name.
        tasks = get(flower, "/api/tasks").values()
        return any((task["name"], task["state"]) == ("indicators.lookup", "SUCCESS") for task in tasks)

    until(seen, within_s=30, every_s=0.2)
    with chromium() as browser:
        # When Flower is opened without the password, then it shows nothing
        with pytest.raises(BrowserError, match="ERR_INVALID_AUTH_CREDENTIALS"):
            browser.new_page().goto(flower)
        # When it is opened with it, then it shows our queues and the finished task
        user, password = LOGIN
        page = browser.new_context(http_credentials={"username": user, "password": password}).new_page()
        page.goto(f"{flower}/broker")
        for queue in ("events", "enrichment", "sync", "upkeep"):
            expect(page.get_by_role("cell", name=queue, exact=True)).to_be_visible(timeout=WITHIN_MS)
        page.goto(f"{flower}/tasks")
        expect(page.get_by_text("indicators.lookup").first).to_be_visible(timeout=WITHIN_MS)
        assert ".example" not in page.content()
