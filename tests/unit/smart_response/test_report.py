"""What the analyst reads; the page for analysts shows the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producers.smart_response import report
from sandbox.launch.processes import ROOT
from tests.support.windows_files import refuse_open_files

PAGE = Path(ROOT / "docs" / "roles" / "analyst.md").read_text(encoding="utf-8")

INDICATOR = {
    "id": 71,
    "type": "IP Address",
    "value": "77.77.77.77",
    "status": "Active",
    "score": 8,
    "score_label": "Medium",
    "sources": ["Feed X", "LogRhythm"],
    "adversaries": ["Odd Bear"],
    "attributes": [["Confidence", "High"], ["True Positive", "Yes"]],
    "created_at": "2026-03-01 10:00:00",
    "updated_at": "2026-03-02 11:30:00",
    "link": "https://threatq.example.com/indicators/71/details",
}

FOUND = {"said": "Found in ThreatQ", "found": True, "asked": "IP Address 77.77.77.77", "indicator": INDICATOR}
MISSING = {"said": "Not in ThreatQ", "found": False, "asked": "FQDN bad.example"}
SIGHTING = {
    "event_id": 12,
    "link": "https://threatq.example.com/events/12/details",
    "indicators": [{"id": 71, "type": "IP Address", "value": "156.86.198.45"}],
    "left_out": [{"what": "web01", "why": "it is not a valid FQDN", "kept_as": "attribute"}],
}
JOB = "5f0c61d2a94be7d3c8a10b6e"

TEXTS = {
    "found": report.done("ThreatQ Lookup IOC", JOB, FOUND),
    "missing": report.done("ThreatQ Lookup IOC", JOB, MISSING),
    "sighting": report.done("ThreatQ Add Sighting", JOB, SIGHTING),
    "refused": report.refused(
        "ThreatQ Whitelist IOC",
        JOB,
        {"reason": "value: FQDN bad.example is not in ThreatQ, so nothing was whitelisted; check type and value, or "
                   "add it first"},
    ),
    "failed": report.dead(
        "ThreatQ Add IOC",
        JOB,
        {"reason": "ThreatQ refuses POST /api/indicators/consume with 422: The source is not allowed"},
    ),
    "accepted": report.accepted("ThreatQ Add IOC", JOB, "ThreatQ cannot be reached (Connection refused)"),
    "kept": report.kept(
        "ThreatQ Add IOC",
        JOB,
        "Redis at redis.example:6379 cannot be reached: Connection refused. Is it running, and is TQ_REDIS_URL right?",
        r"L:\ThreatQ\config\spool",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_the_page_for_analysts_shows_what_is_really_printed(kind: str) -> None:
    assert f"```\n{TEXTS[kind]}\n```" in PAGE


def test_every_line_is_plain_text_in_two_columns() -> None:
    for line in TEXTS["found"].splitlines()[2:]:
        assert line.isprintable()
        assert line[:14].strip() == "" or line[13] == " "


def test_many_attributes_are_counted_instead_of_shown() -> None:
    many: dict[str, Any] = INDICATOR | {"attributes": [[f"Name {n}", "x"] for n in range(100)]}
    text = report.done("ThreatQ Lookup IOC", JOB, FOUND | {"indicator": many})
    assert "… and 75 more (see the link)" in text


def test_several_lines_of_one_value_stay_in_their_column() -> None:
    text = report.dead("ThreatQ Add IOC", JOB, {"reason": "one\ntwo"})
    assert "Reason        one\n              two" in text


@pytest.mark.parametrize("hostile", ["\x1b]0;yours\x07", "\x1b[2Jgone", "\u202egnp.exe", "\x9b31m"])
def test_what_a_terminal_would_obey_is_shown_as_an_escape(hostile: str) -> None:
    attributed = INDICATOR | {"attributes": [["Note", hostile]]}
    for text in (
        report.done("ThreatQ Lookup IOC", JOB, FOUND | {"indicator": attributed}),
        report.dead("ThreatQ Add IOC", JOB, {"reason": hostile}),
        report.failed("ThreatQ Add IOC", f"too many words ({hostile})\nusage: tq-add-ioc"),
    ):
        assert all(line.isprintable() for line in text.split("\n")), text


def test_an_unscored_indicator_says_so() -> None:
    unscored = {name: value for name, value in INDICATOR.items() if not name.startswith("score")}
    assert "Score         not scored" in report.done(
        "ThreatQ Lookup IOC", JOB, FOUND | {"indicator": unscored}
    )


def test_a_full_log_that_another_process_has_open_on_windows_is_written_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_open_files(monkeypatch)
    monkeypatch.setattr(report, "FILE_BYTES", 10)
    log = tmp_path / "tq-lookup.log"
    log.write_text("earlier lines\n")
    with log.open():
        assert report.RunLog(str(tmp_path), 2, "tq-lookup").write("done", exit_code=0) == ""
    assert log.read_text().count("\n") == 2
    assert report.RunLog(str(tmp_path), 2, "tq-lookup").write("done", exit_code=0) == ""
    assert (log.read_text().count("\n"), (tmp_path / "tq-lookup.log.1").exists()) == (1, True)
