"""From ThreatQ's rows to the wanted entries of each list."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.spill import PARTS, Spill
from workers.listsync.plan.types import TypeTable
from workers.threatq.rows import Row
from workers.threatq.score_bands import ScoreBands

#: For properties that write files: the disk of a busy machine is slow.
FILES = settings(max_examples=30)


def gathering(folder: Path) -> Gathering:
    return Gathering("T: ", TypeTable(), ScoreBands(), folder)


def entries(spill: Spill) -> set[str]:
    return {value for part in range(PARTS) for value in spill.values(part)}


def test_rows_are_sorted_into_lists_by_type_and_score(tmp_path: Path) -> None:
    # given rows as ThreatQ's library sends them with and without `fields`, and one that has everything odd
    rows = msgspec.json.decode(
        b"""[
        {"id": 1, "value": "Bad.example", "type": "FQDN", "score": 9, "status": "Active"},
        {"id": 2, "value": "bad.example.", "type": {"id": 11, "name": "FQDN"}, "score": "9.00"},
        {"id": 3, "value": "192.0.2.1", "type": "ip address", "score": {"generated_score": "5.00"}},
        {"id": 4, "value": "192.0.2.2", "type": "IP Address", "attributes": [], "created_at": null},
        {"id": 5, "value": "CVE-2024-1", "type": "CVE", "score": 10},
        {"id": 6, "value": "not a hash", "type": "MD5", "score": 10},
        {"id": 7, "value": "x"}]""",
        type=list[Row],
    )
    gather = gathering(tmp_path)

    gather.take(rows, "scoreRange")
    gather.close()

    assert {name: entries(spill) for name, spill in gather.wanted.items()} == {
        "T: FQDN: High": {"bad.example"},
        "T: IP Address: Low": {"192.0.2.1"},
        "T: IP Address: Not Scored": {"192.0.2.2"},
    }
    assert (gather.read, gather.usable) == (7, 4)
    assert gather.unsupported == {"CVE": 1, "(no type)": 1}
    assert gather.unusable == {"MD5": 1}
    assert gather.samples == ["MD5: not a hash"]


TYPES = st.text() | st.sampled_from([*TypeTable(), "CVE"])


@FILES
@given(
    st.lists(st.builds(Row, st.text(), TYPES, st.none() | st.integers() | st.text(), st.none() | st.text()))
)
def test_no_row_stops_the_sync_and_each_is_counted_once(rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as tmp:
        gather = gathering(Path(tmp))

        gather.take(rows, "score")
        gather.close()

        counted = gather.usable + gather.unsupported.total() + gather.unusable.total()
        assert gather.read == counted == len(rows)
        assert sum(spill.count for spill in gather.wanted.values()) == gather.usable


def test_statuses_that_are_kept_out_are_counted_and_become_no_entry(tmp_path: Path) -> None:
    # given the status as a name, as an object and in other capitals, and a row that does not tell it
    rows = msgspec.json.decode(
        b"""[
        {"id": 1, "value": "a.example", "type": "FQDN", "status": "Active"},
        {"id": 2, "value": "b.example", "type": "FQDN", "status": "Whitelisted"},
        {"id": 3, "value": "c.example", "type": "FQDN", "status": {"id": 2, "name": "Expired"}},
        {"id": 4, "value": "d.example", "type": "FQDN", "status": "expired"},
        {"id": 5, "value": "e.example", "type": "FQDN"}]""",
        type=list[Row],
    )
    gather = Gathering(
        "T: ",
        TypeTable(),
        ScoreBands(),
        tmp_path,
        keeps_out=("Whitelisted", "Expired"),
    )

    gather.take(rows, "tqtype")

    assert gather.kept_out == {"Whitelisted": 1, "Expired": 1, "expired": 1}
    assert (gather.read, gather.usable, gather.unsupported) == (5, 2, {})
    gather.close()
    assert entries(gather.wanted["T: FQDN"]) == {"a.example", "e.example"}
