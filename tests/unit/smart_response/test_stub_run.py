"""A Smart Response command as LogRhythm starts it, where something of ours breaks."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from producers.smart_response import main
from producers.smart_response.commands import ACTIONS
from producers.smart_response.link import MOST_STORED, stored
from sandbox.launch.processes import ROOT

START = ROOT / "producers" / "smart_response" / "start.py"


def started(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What a command does that Python starts without the folders of installed libraries."""
    command = [sys.executable, "-I", "-S", str(START), *arguments]
    return subprocess.run(command, env=environ, check=False, capture_output=True, text=True, timeout=60)


def test_a_command_starts_without_the_folders_of_installed_libraries() -> None:
    done = started("tq-lookup", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: tq-lookup <indicator type> <indicator value>")


@pytest.mark.parametrize("arguments", [(), ("tq-lookpu", "FQDN", "x.example")])
def test_a_start_without_the_name_of_a_command_tells_the_names(arguments: tuple[str, ...]) -> None:
    done = started(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert all(name in done.stderr for name in ACTIONS)


def test_a_command_that_needs_a_library_finds_it_all_the_same(tmp_path: Path) -> None:
    # Given settings that only a YAML reader understands, and a Redis that is away
    file = tmp_path / "tq.yaml"
    file.touch(mode=0o600)
    file.write_text("redis_url: >-\n  redis://127.0.0.1:1/0\n")
    # When the command starts without the folder of that reader
    done = started("tq-lookup", "FQDN", "x.example", "-c", str(tmp_path), HOME=str(tmp_path))
    # Then it reads them, and keeps the job
    assert done.returncode == 3, done.stderr
    assert len(list((tmp_path / "spool").glob("*.job"))) == 1


@pytest.mark.parametrize("size", [0, 1, 199, MOST_STORED, MOST_STORED + 1])
def test_arguments_are_sent_in_a_form_that_every_worker_reads(size: int) -> None:
    body = bytes(range(256)) * 4
    assert zlib.decompress(stored(body[:size])) == body[:size]


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
