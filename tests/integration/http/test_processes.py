"""Several processes of the HTTP entry point behind one port: one that is killed loses nothing and is replaced."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from producers.http.processes import METRICS_FOLDER, share_of
from producers.http_shim import main
from tests.support.producers import SCRAPER, Shim, event
from tests.support.waiting import until
from workers.ledger.admin import LedgerAdmin
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

PROCESSES, PAYLOADS = 2, 60

#: Seconds in which processes start and answer on a machine that does much else.
STARTED_S = 60.0


def children(shim: Shim) -> set[int]:
    """Return the processes that answer."""
    pid = shim.process.pid
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def post_until_accepted(shim: Shim, number: int) -> str:
    """Send a payload as NiFi does, again until it is accepted, and return its job."""
    while True:
        try:
            answer = shim.post("/v1/events", event(number))
        except requests.ConnectionError:
            time.sleep(0.05)
            continue
        assert answer.status_code == 202
        return str(answer.json()["id"])


def places_that_count(pid: int) -> set[str]:
    """Return to whom the files belong in which the processes count, by the environment of one of them."""
    environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    folder = next(line for line in environ if line.startswith(METRICS_FOLDER.encode())).partition(b"=")[2]
    return {Path(name).stem.rpartition("_")[2] for name in os.listdir(folder.decode())}


def accepted_by_all(shim: Shim) -> float:
    """Return how many payloads the metrics tell of, whichever process answers."""
    text = shim.call("GET", "/metrics", token=SCRAPER).text
    wanted = 'tq_http_requests_total{method="POST",route="/v1/events",status="202"} '
    assert text.count('\ntq_open_jobs{queue="events"}') == 1
    return sum(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))


def test_a_killed_process_loses_no_payload_and_another_one_takes_its_place(
    redis_url: str, tmp_path: Path, admin: LedgerAdmin
) -> None:
    with Shim(tmp_path, redis_url, "--processes", str(PROCESSES)) as shim, ThreadPoolExecutor(8) as senders:
        # Given senders at work
        first = until(
            lambda: children(shim) if len(children(shim)) == PROCESSES else set[int](), within_s=STARTED_S
        )
        coming = [senders.submit(post_until_accepted, shim, number) for number in range(PAYLOADS)]
        until(coming[PAYLOADS // 4].done, within_s=STARTED_S)
        # When a process is killed
        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        ids = {future.result() for future in coming}
        # Then each payload is a job, and there are as many processes again
        assert len(ids) == admin.open_jobs()["events"] == PAYLOADS
        until(lambda: len(children(shim)) == PROCESSES and killed not in children(shim), within_s=STARTED_S)
        # And the metrics of all are one, those of the killed one too: at most its last answers were not counted
        counts = {accepted_by_all(shim) for _ in range(6)}
        assert len(counts) == 1
        assert PAYLOADS - 8 <= counts.pop() <= PAYLOADS
        # And no file stays behind a process that died: each is that of a place
        assert places_that_count(min(children(shim))) == {"0", "1"}
        # And all of them end with the one that was started
        ends = children(shim)
        assert shim.stop() == 0
        assert [is_gone(pid) for pid in ends] == [True] * PROCESSES


def test_processes_end_when_the_one_that_started_them_is_killed(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url, "--processes", str(PROCESSES)) as shim:
        assert shim.post("/v1/events", event()).status_code == 202
        left = children(shim)
        shim.kill()
        until(lambda: all(map(is_gone, left)), within_s=30)


def test_all_end_well_when_their_ends_and_the_signal_to_stop_are_seen_at_once(
    redis_url: str, tmp_path: Path
) -> None:
    with Shim(tmp_path, redis_url, "--processes", str(PROCESSES)) as shim:
        ends = until(
            lambda: children(shim) if len(children(shim)) == PROCESSES else set[int](), within_s=STARTED_S
        )
        # given a machine that stood still while the processes ended
        shim.process.send_signal(signal.SIGSTOP)
        for pid in ends:
            os.kill(pid, signal.SIGKILL)
        until(lambda: all(map(is_gone, ends)))
        # when the one that started them is told to stop
        shim.process.terminate()
        shim.process.send_signal(signal.SIGCONT)
        # then
        assert shim.process.wait(30) == 0


@pytest.mark.parametrize("count", ["0", "-1"])
def test_no_process_at_all_is_refused(count: str, redis_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["--processes", count, "--insecure-no-auth", "--port", "0"])
    assert (code, "--processes: must be 1 or more" in capfd.readouterr().err) == (2, True)


def test_what_bounds_the_memory_of_all_is_divided_among_them() -> None:
    settings = Settings()
    share = share_of(settings, 4)
    assert (share.http_max_connections, share.http_inflight_bytes) == (
        2_048,
        settings.http_inflight_bytes // 4,
    )
    assert share.http_requests_per_s == settings.http_requests_per_s
    assert share_of(settings, 1) == settings
