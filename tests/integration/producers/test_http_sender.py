"""The payload command without libraries: it sends through the HTTP entry point, and says what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from producers.http_sender import main
from sandbox.launch.redis_server import free_port
from tests.support.producers import SENDER, Shim, event
from workers.ledger.admin import LedgerAdmin

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def entry_point(shim: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQ_HTTP_URL", f"{shim.url}/")
    monkeypatch.setenv("TQ_HTTP_TOKEN", SENDER)


def test_a_payload_is_in_the_ledger_under_the_id_that_is_printed(
    admin: LedgerAdmin, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Given a payload in a file
    (tmp_path / "payload.json").write_text(json.dumps(event()))
    # When it is sent, and sent again
    for _ in range(2):
        assert main(["-p", f"@{tmp_path}/payload.json"]) == 0
    # Then it is one job, known to the ledger
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    state, job_id = first.split()
    assert (state, admin.arguments(job_id)) == ("queued", {"payload": event()})


def test_a_payload_that_is_refused_says_why(admin: LedgerAdmin, capsys: pytest.CaptureFixture[str]) -> None:
    # When a payload without a type is sent
    payload = event()
    del payload["event_type"]
    assert main(["-p", json.dumps(payload)]) == 2
    # Then its field is named, and nothing is accepted
    told = capsys.readouterr().out
    assert (told.startswith("refused  "), "event_type" in told) == (True, True)
    assert admin.open_jobs()["events"] == 0


def test_of_several_payloads_each_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", json.dumps([event(1), {"event_name": "no more"}])]) == 1
    good, bad = capsys.readouterr().out.splitlines()
    assert good.startswith("queued  ")
    assert bad.startswith("refused  event_type: ")
    assert main(["-p", json.dumps([event(1), event(2)]), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["items"]) == 2


def test_what_is_configured_wrong_or_away_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(name: str, value: str) -> tuple[int, str]:
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            return main(["-p", json.dumps(event())]), capsys.readouterr().err

    assert told("TQ_HTTP_TOKEN", "") == (
        2,
        "error: TQ_HTTP_TOKEN: no token is set; it is one of TQ_HTTP_TOKENS of the entry point\n",
    )
    assert told("TQ_HTTP_TOKEN", "wrong-token-0123456789")[0] == 2
    assert told("TQ_HTTP_TOKEN_FILE", "/no/such/file")[0] == 2
    assert told("TQ_HTTP_URL", "tq.example.com")[0] == 2
    code, text = told("TQ_HTTP_URL", f"http://127.0.0.1:{free_port()}")
    assert (code, "send it again, which makes no second event" in text) == (3, True)
