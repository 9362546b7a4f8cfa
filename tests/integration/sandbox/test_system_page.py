"""The page of the simulated system: it shows the processes, kills one hard, and a supervisor starts it again."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette

from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from sandbox.launch.supervisor import MOST_RESTARTS, Supervisor
from sandbox.serving import Site, running
from sandbox.system_page import read_state, routes
from tests.support.waiting import until
from workers.core.errors import TqError

pytestmark = pytest.mark.integration

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path / "logs", {}) as processes:
        yield processes


def supervised(processes: Processes, redis: RedisServer | None = None) -> tuple[Supervisor, Path, list[str]]:
    lines: list[str] = []
    file = processes.folder / "processes.json"
    supervisor = Supervisor(processes, redis, file=file, say=lines.append, commands=("make it so",))
    return supervisor, file, lines


def test_a_process_that_is_killed_is_told_and_runs_again(processes: Processes) -> None:
    first = processes.start("worker-events", *SLEEP)
    supervisor, file, lines = supervised(processes)

    os.killpg(first.pid, signal.SIGKILL)
    first.wait(timeout=10)
    supervisor.look()

    again = processes.running["worker-events"]
    assert lines == [
        "worker-events was killed (signal 9); starting it again ...",
        f"worker-events runs again as process {again.pid}.",
    ]
    shown = read_state(file).processes["worker-events"]
    assert (shown.pid, shown.restarts) == (again.pid, 1)


def test_redis_that_is_killed_is_told_and_runs_again_with_its_data(
    processes: Processes, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "redis", appendfsync="always").start()
    supervisor, _, lines = supervised(processes, server)
    try:
        assert server.process is not None
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(timeout=10)
        supervisor.look()

        assert lines == [
            "redis was killed (signal 9); starting it again ...",
            "redis is there again, with all that it had accepted.",
        ]
        assert server.process.poll() is None
    finally:
        server.stop()


def test_a_process_that_keeps_ending_ends_the_system_with_the_place_of_its_log(processes: Processes) -> None:
    processes.start("worker-sync", sys.executable, "-c", "raise SystemExit(2)")
    supervisor, _, _ = supervised(processes)

    def ends() -> None:
        for _ in range(MOST_RESTARTS + 1):
            processes.running["worker-sync"].wait(timeout=10)
            supervisor.look()

    with pytest.raises(TqError, match=r"worker-sync ended 6 times within a minute; see .*worker-sync\.log"):
        ends()


@pytest.fixture
def page(processes: Processes) -> Iterator[tuple[str, Processes]]:
    """The page, and a supervisor beside it until the test is over."""
    processes.start("worker-events", *SLEEP)
    supervisor, file, _ = supervised(processes)
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            supervisor.look()

    thread = threading.Thread(target=look)
    thread.start()
    site = Site("system", Starlette(routes=routes(file)))
    try:
        with running(site):
            yield f"{site.url}/system", processes
    finally:
        over.set()
        thread.join()


def test_the_button_kills_a_worker_hard_and_the_page_shows_it_running_again(
    page: tuple[str, Processes],
) -> None:
    url, processes = page
    first = processes.running["worker-events"]

    shown = requests.post(f"{url}/worker-events/kill", timeout=20).text

    assert first.wait(timeout=10) == -signal.SIGKILL
    until(lambda: processes.running["worker-events"].poll() is None)
    assert str(processes.running["worker-events"].pid) in shown
    assert "1 ×" in shown
    assert "make it so" in shown


def test_another_site_kills_nothing_and_a_process_that_is_not_there_is_a_404(
    page: tuple[str, Processes],
) -> None:
    url, processes = page
    headers = {"Sec-Fetch-Site": "cross-site"}

    assert requests.post(f"{url}/worker-events/kill", headers=headers, timeout=20).status_code == 403
    assert requests.post(f"{url}/init/kill", timeout=20).status_code == 404
    assert processes.running["worker-events"].poll() is None
