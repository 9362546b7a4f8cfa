"""`tqctl` about lists: pending deletes and their approval, what runs did, where a value is, the uninstall step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.threatq.control import value_of
from tests.support.sync_stage import COLLECTION, Stage, write_config
from tqctl.main import main

pytestmark = pytest.mark.integration

Ctl = Callable[..., tuple[int, Any]]


@pytest.fixture
def ctl(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ctl:
    def run(*arguments: str) -> tuple[int, Any]:
        config = write_config(tmp_path / "config", stage.runtime.settings)
        capsys.readouterr()
        code = main(["-c", str(config), "--json", *arguments])
        shown = capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else shown.err

    return run


def test_pending_deletes_are_shown_and_approved_by_their_id(stage: Stage, ctl: Ctl) -> None:
    stage.set(sync_delete_max_count=1)
    stage.seed(50, types=["FQDN"])
    stage.sync()
    stage.expire(every=2)
    stage.sync()

    code, (pending,) = ctl("sync", "held")
    assert (code, pending["count"], pending["list"]) == (0, 25, "ThreatQ: FQDN")
    assert ctl("sync", "approve", "unknown")[0] == 2
    code, approved = ctl("sync", "approve", pending["id"])
    assert (code, approved["deletes"]) == (0, 25)
    while stage.consume():
        pass
    assert len(stage.lists()["ThreatQ: FQDN"]) == 25
    assert ctl("sync", "held") == (0, [])


def test_deletes_can_be_approved_by_a_user_without_a_name_as_in_a_container(
    stage: Stage, ctl: Ctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_user_name(uid: int) -> str:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", no_user_name)
    monkeypatch.delenv("USER", raising=False)
    stage.set(sync_delete_max_count=1)
    stage.seed(50, types=["FQDN"])
    stage.sync()
    stage.expire(every=2)
    stage.sync()
    _, (pending,) = ctl("sync", "held")
    assert ctl("sync", "approve", pending["id"], "--later")[0] == 0
    _, (approved,) = ctl("sync", "held")
    assert approved["approved_by"].startswith("unknown@")


def test_the_history_tells_what_each_run_did(stage: Stage, ctl: Ctl) -> None:
    stage.seed(10, types=["MD5"])
    stage.sync()
    code, (run,) = ctl("sync", "history")
    assert (code, run["collection"], run["adds"], run["status"]) == (0, COLLECTION, 10, "done")
    assert ctl("sync", "history", "--collection", "Other") == (0, [])
    stage.sync()
    assert [row["adds"] for row in ctl("sync", "history", "--limit", "1")[1]] == [0]
    assert [row["adds"] for row in ctl("sync", "history")[1]] == [0, 10]


def test_a_plan_can_be_had_without_a_worker(stage: Stage, ctl: Ctl) -> None:
    stage.seed(10, types=["MD5"])
    code, told = ctl("sync", "plan", "--inline")
    assert (code, told["plan"]["lists"][0]["add"], stage.writes()) == (0, 10, 0)
    assert not [row["what"] for row in ctl("capacity")[1] if row["what"].startswith("list ")]


def test_a_value_is_explained_wherever_it_is(stage: Stage, ctl: Ctl) -> None:
    # given one that is in its list, one that has left, one that came since, and one that is unknown
    stage.set(sync_method="add")
    stage.seed(40, types=["FQDN"])
    stage.sync()
    stage.expire(every=40)
    stage.seed(1, start=40, types=["FQDN"])

    code, (found,) = ctl("explain", value_of("FQDN", 3).replace(".", "[.]").upper())
    (place,) = found["places"]
    assert (code, found["in_collection"], place["in_list"], place["ours"]) == (0, True, True, True)
    assert (found["type"], found["score"]) == ("FQDN", 3)

    code, (left,) = ctl("explain", value_of("FQDN", 39))
    assert (code, left["in_collection"], left["places"][0]["in_list"]) == (1, False, True)
    assert "not in this data collection" in left["why"]
    assert "method full" in left["places"][0]["why"]

    code, (came,) = ctl("explain", value_of("FQDN", 40))
    assert (code, came["in_collection"], came["places"][0]["in_list"]) == (1, True, False)
    assert "the next run adds it" in came["places"][0]["why"]

    code, (unknown,) = ctl("explain", "nobody.example")
    assert (code, unknown["places"], unknown["why"]) == (1, [], "ThreatQ does not know this value")


def test_our_lists_are_retired_on_request_and_only_ours(stage: Stage, ctl: Ctl) -> None:
    stage.seed(10, types=["FQDN", "MD5"])
    stage.sync()
    stage.logrhythm.fill("ThreatQ: Somebody else's", "x")
    assert [row["status"] for row in ctl("lists", "retire")[1]] == ["Active", "Active"]
    code, said = ctl("lists", "retire", "--yes", "--name", "ThreatQ: Typo")
    assert code == 2
    assert "there are ThreatQ: FQDN, ThreatQ: MD5" in said
    code, retired = ctl("lists", "retire", "--yes")
    assert (code, [item["status"] for item in retired]) == (0, ["Retired", "Retired"])
    states = {item["name"]: item["status"] for item in stage.logrhythm.api("GET", "/lists/").json()}
    assert states["ThreatQ: Somebody else's"] == "Active"
    assert [row["entries"] for row in ctl("lists", "show")[1]] == [5, 5]


def test_the_check_looks_each_collection_up_and_says_which_is_not_there(stage: Stage, ctl: Ctl) -> None:
    stage.set(sync_collections=stage.runtime.settings.sync_collections + 'Absent:\n  baseName: "Absent "\n')
    code, lines = ctl("check", "--only", "logrhythm")
    found = {line["what"]: line for line in lines}
    assert code == 2
    assert found[f"collection {COLLECTION}"]["state"] == "ok"
    assert found["collection Absent"]["state"] == "failed"
    assert "shared" in found["collection Absent"]["found"] + found["collection Absent"]["remedy"]
    assert (found["token"]["state"], found["owner"]["state"]) == ("ok", "ok")
