"""Several data collections under one base name: their union stands in the lists, whatever looks at them or stops."""

from __future__ import annotations

import random
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from sandbox.threatq.control import value_of
from tests.integration.listsync.test_removal import take_out, whitelist
from tests.support.sync_stage import MAPPING, Stage, write_config
from tqctl.main import main as tqctl
from workers.ledger.locks import BY_HAND, hold, release

pytestmark = pytest.mark.integration

A, B, UNION, LIST = "Feodo", "Partner list", "Feodo + Partner list", "ThreatQ: FQDN"
UNITED = f'{A}:\n  baseName: "ThreatQ: "\n{B}:\n  baseName: "ThreatQ: "\n'

#: The numbers of the names that each collection holds while they are active: some are in both.
NUMBERS = {A: range(30), B: range(20, 50)}


def values(numbers: Any) -> set[str]:
    return {value_of("FQDN", number) for number in numbers}


@pytest.fixture
def united(stage: Stage) -> Stage:
    """A stage with two collections that overlap, and a mapping that gives both the same base name."""
    stage.seed(50, types=["FQDN"])
    for name, numbers in NUMBERS.items():
        any_of = {"+or": [{"value": value} for value in sorted(values(numbers))]}
        stage.share(name, {"criteria": any_of, "filters": {"status_name": "Active"}})
    stage.set(sync_collections=UNITED)
    return stage


def put_status(stage: Stage, number: int, status: int) -> None:
    """Let an indicator leave its collections (2) or come back (1)."""
    assert stage.threatq.call("PUT", f"/api/indicators/{number + 1}", {"status_id": status}).ok


def ctl(stage: Stage, tmp_path: Path, *arguments: str) -> int:
    return tqctl(["-c", str(write_config(tmp_path, stage.runtime.settings)), *arguments])


def test_the_union_is_written_and_the_report_names_each_part(united: Stage) -> None:
    runs = united.sync("")["runs"]
    assert list(runs) == [UNION]

    result = united.outcome(runs[UNION]).note
    assert united.lists() == {LIST: values(range(50))}
    assert (result["collection"], result["read"], result["declared"], result["adds"]) == (UNION, 60, 60, 50)
    assert result["parts"] == [
        {"name": name, "declared": 30, "read": 30, "usable": 30, "lists": {LIST: 30}} for name in (A, B)
    ]
    assert f"Data collection {B}: 30 indicators, 30 of them for the lists" in result["notes"]


def test_one_of_the_collections_stands_for_the_union(united: Stage) -> None:
    assert united.sync(B)["adds"] == 50
    assert united.sync(A)["adds"] == united.sync(UNION)["deletes"] == 0
    job_id = united.start("Other")
    united.consume()
    assert "is not among the data collections: Feodo + Partner list" in united.outcome(job_id).note["reason"]


def test_an_entry_leaves_when_the_last_collection_has_lost_it(united: Stage) -> None:
    # given a union, of which one name leaves only one of two collections
    united.sync(A)
    united.share("Rest", {"criteria": {"value": value_of("FQDN", 25)}, "filters": {"status_name": "Active"}})
    united.set(sync_collections=UNITED.replace(B, "Rest"))

    # then it stays, and the others of the lost collection go
    assert united.sync(A)["deletes"] == 20
    assert united.lists() == {LIST: values(range(30))}

    # and when the same collection alone is left, nothing is gone that it holds
    united.set(sync_collections=UNITED.replace(A, "Rest"))
    assert united.sync(B)["deletes"] == 20
    assert united.lists() == {LIST: values(range(20, 50))}


def test_nothing_is_deleted_while_one_of_the_collections_is_not_read_whole(united: Stage) -> None:
    united.sync(A)
    for number in range(0, 50, 5):
        put_status(united, number, 2)
    united.threatq.fault("bare", path="/api/indicators/query", next=1)
    result = united.sync(A)
    assert (result["deletes"], united.lists()) == (0, {LIST: values(range(50))})
    assert f"{A}: it did not say how many" in " ".join(result["notes"])
    assert united.sync(A)["deletes"] == 10


def test_a_collection_that_is_not_shared_keeps_the_whole_union_waiting(united: Stage) -> None:
    united.sync(A)
    united.threatq.control("collections/share", {"name": B, "shared": False})
    job_id = united.start(A)
    united.consume()
    assert united.outcome(job_id).state == "waiting"
    assert B in united.outcome(job_id).note["reason"]
    assert united.lists() == {LIST: values(range(50))}


def test_a_dry_run_plans_the_union_and_writes_nothing(united: Stage) -> None:
    result = united.sync(A, dry_run=True)
    assert (result["status"], result["adds"], united.lists()) == ("planned", 50, {})
    assert [part["name"] for part in result["parts"]] == [A, B]


@pytest.mark.parametrize("taken", [A, B])
def test_a_run_of_one_of_the_collections_keeps_the_union_away(united: Stage, taken: str) -> None:
    us = f"{BY_HAND}1"
    assert hold(united.redis, taken, us) == us
    assert united.sync(A)["status"] == "overlap"
    release(united.redis, taken, us)
    # The other one was given back as well.
    assert united.sync(B)["status"] == "done"


def test_explain_names_the_collections_that_hold_a_value(
    united: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    united.sync(A)
    assert ctl(united, tmp_path, "explain", value_of("FQDN", 25)) == 0
    assert f"{UNION}: {value_of('FQDN', 25)} is in {A} and {B} as FQDN" in capsys.readouterr().out
    assert ctl(united, tmp_path, "explain", value_of("FQDN", 40)) == 0
    shown = capsys.readouterr().out
    assert f"is in {B} as FQDN" in shown
    assert f"  {LIST}: it is in the list, put there by us" in shown
    assert ctl(united, tmp_path, "explain", "unknown.example") == 1


def test_a_takeover_keeps_what_any_of_the_collections_holds(
    united: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    united.logrhythm.fill(LIST, value_of("FQDN", 1), value_of("FQDN", 49), "stale.example", list_type="Host")
    assert ctl(united, tmp_path, "sync", "takeover", "--collection", B, "--yes") == 0
    assert "takes out the 1 entries" in capsys.readouterr().out
    assert united.sync(A)["deletes"] == 1
    assert united.lists() == {LIST: values(range(50))}


def test_a_collection_that_joins_or_leaves_abandons_no_list(united: Stage) -> None:
    united.set(sync_collections=UNITED.splitlines()[0] + '\n  baseName: "ThreatQ: "\n')
    united.sync(A)
    assert united.lists() == {LIST: values(range(30))}
    united.set(sync_collections=UNITED)
    result = united.sync(A)
    assert (result["adds"], result["deletes"], result["abandoned"]) == (20, 0, [])
    united.set(sync_collections=MAPPING)
    united.share()
    assert united.sync()["abandoned"] == []


def test_a_whitelisted_value_leaves_the_list_of_the_union_at_once(united: Stage) -> None:
    united.sync(A)
    whitelist(united, value_of("FQDN", 25))
    assert take_out(united)["lists"] == [LIST]
    assert united.lists() == {LIST: values(range(50)) - values([25])}
    assert (united.sync(A)["adds"], united.sync(B)["deletes"]) == (0, 0)


def test_the_lists_agree_with_plain_sets_after_each_round_wherever_a_worker_stops(united: Stage) -> None:
    """Statuses change at random, and each run is given back after a few steps, to be gone on with."""
    chance, active = random.Random(16), set(range(50))
    for _ in range(8):
        for number in chance.sample(range(50), 8):
            active ^= {number}
            put_status(united, number, 1 if number in active else 2)
        job_id, looks, stops = united.start(chance.choice([A, B])), count(1), chance.randrange(2, 6)
        united.consume(stopping=lambda looks=looks, stops=stops: next(looks) > stops)
        while united.consume():
            pass
        assert united.outcome(job_id).note["status"] == "done"
        assert united.lists() == {LIST: values(active)}
