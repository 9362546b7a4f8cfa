"""Lists that no data collection feeds any more are reported, and emptied and retired where an operator says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from tests.support.sync_stage import MAPPING, Stage, write_config
from tqctl.main import main as tqctl
from workers.core.sync_report import AbandonedList
from workers.ledger.audit import Audit
from workers.ledger.quarantine import Quarantine
from workers.ledger.sync_approvals import PendingDeletes
from workers.ledger.sync_runs import abandoned_lists
from workers.logrhythm.model import entries
from workers.telemetry.collector import LedgerCollector

pytestmark = pytest.mark.integration

SPLIT = MAPPING + "  splitBy: scoreRange\n"


def left_behind(stage: Stage) -> dict[str, Any]:
    """Fill lists by type, then split them by score: the first ones are fed no more. Returns the second run's result."""
    stage.seed(60, types=["FQDN", "MD5"])
    stage.sync()
    stage.set(sync_collections=SPLIT)
    return stage.sync()


def status(stage: Stage, name: str) -> str:
    rows = stage.logrhythm.api("GET", "/lists/", pageSize="1000").json()
    return next(str(row["status"]) for row in rows if row["name"] == name)


def test_every_run_names_the_lists_that_a_change_of_the_mapping_left_behind(stage: Stage) -> None:
    result = left_behind(stage)
    abandoned = [AbandonedList("ThreatQ: FQDN", 30), AbandonedList("ThreatQ: MD5", 30)]
    assert result["abandoned"] == [{"name": item.name, "entries": item.entries} for item in abandoned]
    assert "ThreatQ: FQDN is abandoned" in " ".join(result["notes"])
    assert abandoned_lists(stage.redis) == abandoned

    # and a dry run says so as well, and the metrics
    assert stage.sync(dry_run=True)["abandoned"] == result["abandoned"]
    collector = LedgerCollector(stage.admin, Quarantine(stage.redis))
    samples = {sample.name: sample.value for family in collector.collect() for sample in family.samples}
    assert samples["tq_sync_abandoned_lists"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"sync_collections": MAPPING.replace("ThreatQ: ", "TQ ")},
        {"sync_types": "FQDN: null\nMD5: null"},
        {"sync_collections": SPLIT},
    ],
)
def test_a_new_base_name_other_types_and_another_split_abandon_lists(
    stage: Stage, change: dict[str, str]
) -> None:
    stage.seed(20, types=["FQDN", "MD5", "SHA-1"])
    stage.sync()
    stage.set(**change)
    names = {item["name"] for item in stage.sync()["abandoned"]}
    assert {"ThreatQ: FQDN", "ThreatQ: MD5"} <= names


def test_lists_that_are_fed_or_retired_or_of_others_are_not_abandoned(stage: Stage) -> None:
    stage.logrhythm.fill("Hosts of the administrator", "a.example")
    left_behind(stage)
    stage.logrhythm.control(f"lists/{stage.guid('ThreatQ: MD5')}/retire")
    assert [item["name"] for item in stage.sync()["abandoned"]] == ["ThreatQ: FQDN"]
    stage.set(sync_collections=MAPPING)
    back = stage.sync()
    assert all(": " in item["name"].removeprefix("ThreatQ: ") for item in back["abandoned"])


def test_lists_that_an_older_version_wrote_are_known_too(stage: Stage) -> None:
    # given manifests without the note of which lists there are
    stage.seed(60, types=["FQDN", "MD5"])
    stage.sync()
    (note,) = list(stage.redis.scan_iter("*sync:lists:*", 100))
    stage.redis.delete(note.decode())
    stage.set(sync_collections=SPLIT)
    assert [item["name"] for item in stage.sync()["abandoned"]] == ["ThreatQ: FQDN", "ThreatQ: MD5"]


def test_an_operator_empties_and_retires_them_and_what_others_put_there_stays(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given an abandoned list in which an administrator put an entry by hand
    left_behind(stage)
    body = to_builtins(entries("Host", ["by-hand.example"]))
    stage.logrhythm.api("POST", f"/lists/{stage.guid('ThreatQ: FQDN')}/items/", body)
    config = str(write_config(tmp_path, stage.runtime.settings))

    # when only asked, nothing is changed
    capsys.readouterr()
    assert tqctl(["lists", "retire", "--abandoned", "-c", config, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(item["name"], item["abandoned"]) for item in shown] == [
        ("ThreatQ: FQDN", True),
        ("ThreatQ: MD5", True),
    ]
    assert len(stage.lists()["ThreatQ: FQDN"]) == 31

    # when it is to be done, ours go, the list is retired, and the next run has nothing to report
    assert tqctl(["lists", "retire", "--abandoned", "--yes", "-c", config]) == 0
    assert stage.lists()["ThreatQ: FQDN"] == {"by-hand.example"}
    assert stage.lists()["ThreatQ: MD5"] == set()
    assert status(stage, "ThreatQ: FQDN") == "Retired"
    assert abandoned_lists(stage.redis) == []
    assert stage.sync()["abandoned"] == []
    assert sum(len(values) for name, values in stage.lists().items() if name.count(":") == 2) == 60


def test_a_list_of_another_type_is_an_error_of_that_list_alone(stage: Stage) -> None:
    stage.seed(20, types=["FQDN", "MD5"])
    stage.sync()
    stage.set(sync_types="FQDN: {listType: GeneralValue, form: fqdn, useContext: [Host]}")
    result = stage.sync()
    errors = {item["name"]: item["error"] for item in result["lists"]}
    assert result["status"] == "errors"
    assert "of the type Host, and FQDN needs GeneralValue" in errors["ThreatQ: FQDN"]
    assert errors["ThreatQ: MD5"] == ""


def test_a_list_of_another_owner_that_we_never_wrote_is_left_alone(stage: Stage) -> None:
    stage.logrhythm.fill("ThreatQ: MD5", "0" * 32, owner=7)
    stage.seed(20, types=["FQDN", "MD5"])
    result = stage.sync()
    errors = {item["name"]: item["error"] for item in result["lists"]}
    assert "belongs to user 7" in errors["ThreatQ: MD5"]
    assert (errors["ThreatQ: FQDN"], stage.lists()["ThreatQ: MD5"]) == ("", {"0" * 32})


def test_the_sync_retires_them_by_itself_once_it_is_approved(stage: Stage) -> None:
    # given the setting, in which nothing is deleted before an operator has seen it
    stage.set(sync_abandoned="retire")
    result = left_behind(stage)
    assert {item["name"]: item["held"] for item in result["lists"] if item["held"]} == {
        "ThreatQ: FQDN": 30,
        "ThreatQ: MD5": 30,
    }
    deletes = PendingDeletes(stage.redis)
    fqdn = next(pending for pending in deletes.every() if pending.list == "ThreatQ: FQDN")
    assert fqdn.reason == "no data collection feeds this list any more"

    # when one of them is approved
    deletes.approve(fqdn.id, Audit(stage.redis), now_ms=1)
    again = stage.sync()

    # then that one is empty and retired, and the other goes on waiting
    assert (stage.lists()["ThreatQ: FQDN"], status(stage, "ThreatQ: FQDN")) == (set(), "Retired")
    assert (len(stage.lists()["ThreatQ: MD5"]), status(stage, "ThreatQ: MD5")) == (30, "Active")
    assert [item["name"] for item in again["abandoned"]] == ["ThreatQ: MD5"]
    assert again["deletes"] == 30
