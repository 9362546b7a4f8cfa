"""Taking over the lists of ThreatQuotient's connector: shown first, then ours, then in step under the guard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from sandbox.threatq.control import value_of
from tests.support.sync_stage import COLLECTION, Stage, write_config
from tqctl.main import main as tqctl
from workers.ledger.locks import BY_HAND, hold
from workers.logrhythm.model import entries

pytestmark = pytest.mark.integration

STALE = {f"stale-{number}.example" for number in range(30)}


@pytest.fixture
def takeover(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, Any]:
        config = write_config(tmp_path / "config", stage.runtime.settings)
        capsys.readouterr()
        code = tqctl(["-c", str(config), "--json", "sync", "takeover", *arguments])
        shown = capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else shown.err

    return run


def lists_of_another_connector(stage: Stage, *, present: int = 40) -> None:
    """Fill ThreatQ with fifty names, of which another connector has put `present` into the list, and stale ones too."""
    stage.seed(50, types=["FQDN"])
    values = [value_of("FQDN", number) for number in range(present)]
    stage.logrhythm.fill("ThreatQ: FQDN", *values, *STALE, list_type="Host")


def test_a_run_names_the_entries_of_others_and_how_they_become_ours(stage: Stage) -> None:
    lists_of_another_connector(stage)
    result = stage.sync()
    assert (result["adds"], result["deletes"]) == (10, 0)
    (note,) = [note for note in result["notes"] if "entries of others stay" in note]
    assert "ThreatQ: FQDN: 30 entries of others stay, for example stale-" in note
    assert "tqctl sync takeover" in note


def test_what_would_stay_and_go_is_shown_and_nothing_is_changed(stage: Stage, takeover: Any) -> None:
    lists_of_another_connector(stage)
    code, (shown,) = takeover()
    assert code == 0
    assert {name: shown[name] for name in ("entries", "ours", "stays", "goes")} == {
        "entries": 70,
        "ours": 0,
        "stays": 40,
        "goes": 30,
    }
    assert set(shown["samples"]) <= STALE
    assert stage.sync()["deletes"] == 0


def test_after_a_takeover_a_full_sync_meets_the_number_of_the_collection(stage: Stage, takeover: Any) -> None:
    lists_of_another_connector(stage)
    assert takeover("--yes")[0] == 0
    stage.sync()
    assert stage.lists()["ThreatQ: FQDN"] == {value_of("FQDN", number) for number in range(50)}
    assert takeover()[1][0] | {"samples": []} == {
        "list": "ThreatQ: FQDN",
        "entries": 50,
        "ours": 50,
        "stays": 0,
        "goes": 0,
        "samples": [],
    }


def test_the_guard_stops_a_mass_delete_after_a_takeover_too(stage: Stage, takeover: Any) -> None:
    stage.set(sync_delete_max_count=5)
    lists_of_another_connector(stage)
    takeover("--yes")
    result = stage.sync()
    assert (result["deletes"], result["lists"][0]["held"]) == (0, 30)


def test_what_an_analyst_puts_there_afterwards_is_not_ours(stage: Stage, takeover: Any) -> None:
    lists_of_another_connector(stage)
    takeover("--yes")
    stage.sync()
    stage.logrhythm.api(
        "POST",
        f"/lists/{stage.guid('ThreatQ: FQDN')}/items/",
        to_builtins(entries("Host", ["by-hand.example"])),
    )
    stage.sync()
    assert "by-hand.example" in stage.lists()["ThreatQ: FQDN"]


def test_a_list_of_another_owner_is_ours_after_a_takeover(stage: Stage, takeover: Any) -> None:
    stage.seed(10, types=["FQDN"])
    stage.logrhythm.fill("ThreatQ: FQDN", *STALE, list_type="Host", owner=7)
    assert stage.sync()["status"] == "errors"
    takeover("--yes")
    result = stage.sync()
    assert (result["status"], result["adds"], result["deletes"]) == ("done", 10, 30)


def test_a_takeover_waits_for_no_run_and_a_run_starts_none_meanwhile(stage: Stage, takeover: Any) -> None:
    lists_of_another_connector(stage)
    job_id = stage.start()
    assert hold(stage.redis, COLLECTION, job_id) == job_id
    code, said = takeover("--yes")
    assert (code, "is under way" in said) == (2, True)
    while stage.consume():
        pass
    hold(stage.redis, COLLECTION, f"{BY_HAND}1")
    assert stage.sync()["status"] == "overlap"


def test_a_mistyped_collection_is_named(takeover: Any) -> None:
    code, said = takeover("--collection", "LogRythm")
    assert (code, COLLECTION in said) == (2, True)
