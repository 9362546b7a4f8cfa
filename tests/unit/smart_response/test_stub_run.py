"""A Smart Response command as LogRhythm starts it, where something of ours breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from producers.smart_response import main
from producers.smart_response.commands import ACTIONS


def broken(_settings: object) -> None:
    raise TypeError("no such argument")


def test_a_fault_of_ours_is_a_line_for_the_analyst_and_a_traceback_for_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(main, "connect", broken)
    code = main.run(ACTIONS["tq-lookup"], ["FQDN", "x.example", "-ll", str(tmp_path), "-v3"])
    out, err = capsys.readouterr()
    assert code == 1
    assert out.startswith(
        "ThreatQ Lookup IOC: FAILED\n\nReason        this should not happen (TypeError: no such"
    )
    assert "Traceback" not in out + err
    (line,) = (tmp_path / "tq-lookup.log").read_text().splitlines()
    assert "in broken" in json.loads(line)["traceback"]
