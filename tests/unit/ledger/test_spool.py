"""The spool: whole jobs or none, on a full disk, after a torn write, and for several producers at once."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core import files
from workers.core.errors import ServiceAway
from workers.core.jobs import Job
from workers.ledger.accept import Accepted
from workers.ledger.spool import TAKEN_S, NotKept, Spool, decode, default_folder, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def event(number: int) -> Job:
    return Job(
        "events.create", {"payload": {"event_name": f"event {number}"}}, producer="cli", title=f"{number}"
    )


class Accepting:
    """Stands for the ledger: remembers what it accepted, or is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.ids: list[str] = []

    def __call__(self, jobs: list[Job]) -> Sequence[Accepted]:
        if self.away:
            raise ServiceAway("redis", "away")
        self.ids += [job.id for job in jobs]
        return [Accepted(job.id, created=True) for job in jobs]


@given(arguments=st.dictionaries(st.text(), JSON, max_size=4), title=st.text())
def test_a_job_is_read_back_as_the_same_job(arguments: dict[str, object], title: str) -> None:
    job = Job("indicators.lookup", arguments, producer="stub", title=title, trace="t")

    back = decode(encode(job))

    names = [name for name in Job.__slots__ if name != "kind"]
    assert [getattr(back, name) for name in names] == [getattr(job, name) for name in names]
    assert back.kind is job.kind


@given(data=st.binary(max_size=300))
def test_what_is_no_job_is_refused_by_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is"):
        decode(data)


@given(data=st.data())
def test_a_file_cut_short_anywhere_is_noticed(data: st.DataObject) -> None:
    whole = encode(event(1))
    length = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(ValueError, match="cut short"):
        decode(whole[:length])


def test_kept_jobs_are_delivered_oldest_first_and_then_gone(tmp_path: Path) -> None:
    spool, ledger = Spool(str(tmp_path / "spool")), Accepting()
    jobs = [event(number) for number in range(250)]
    for age, job in enumerate(reversed(jobs)):
        spool.keep([job])
        os.utime(tmp_path / "spool" / f"{job.id}.job", (1_000_000 - age, 1_000_000 - age))

    report = spool.deliver(ledger)

    assert ledger.ids == [job.id for job in jobs]
    assert [job.title for job in report.delivered] == [job.title for job in jobs]
    assert spool.waiting() == 0
    assert list((tmp_path / "spool").iterdir()) == []


def test_no_call_is_handed_more_jobs_than_it_can_take(tmp_path: Path) -> None:
    spool, calls = Spool(str(tmp_path)), []
    spool.keep([event(number) for number in range(25)])

    def accept(jobs: list[Job]) -> list[Accepted]:
        calls.append(len(jobs))
        return [Accepted(job.id, created=True) for job in jobs]

    spool.deliver(accept, at_once=10)

    assert calls == [10, 10, 5]


def test_the_same_payload_twice_is_kept_once(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.keep([event(1)])
    spool.keep([event(1), event(2)])

    assert spool.waiting() == 2


def test_an_action_keeps_its_id_through_the_spool(tmp_path: Path) -> None:
    job = Job("indicators.lookup", {"type": "FQDN", "value": "bad.example"}, producer="stub")
    spool, ledger = Spool(str(tmp_path)), Accepting()
    spool.keep([job])

    spool.deliver(ledger)

    assert ledger.ids == [job.id]


def test_jobs_wait_again_when_redis_goes_away_in_the_middle(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.keep([event(1), event(2)])

    with pytest.raises(ServiceAway):
        spool.deliver(Accepting(away=True))

    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".job", ".job"]
    assert len(spool.deliver(Accepting()).delivered) == 2


def test_a_damaged_file_is_set_aside_and_the_others_are_delivered(tmp_path: Path) -> None:
    spool, ledger = Spool(str(tmp_path)), Accepting()
    spool.keep([event(1), event(2)])
    damaged = tmp_path / f"{event(1).id}.job"
    damaged.write_bytes(damaged.read_bytes()[:40])

    report = spool.deliver(ledger)

    assert ledger.ids == [event(2).id]
    ((kept, reason),) = report.set_aside
    assert kept == str(tmp_path / "unreadable" / damaged.name)
    assert "cut short" in reason
    assert spool.waiting() == 0


def test_a_job_whose_key_meant_something_else_is_set_aside_not_lost(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.keep([event(1)])

    report = spool.deliver(lambda jobs: [Accepted(job.id, created=False, conflict=True) for job in jobs])

    assert report.delivered == []
    assert len(report.set_aside) == 1
    assert len(list((tmp_path / "unreadable").iterdir())) == 1


def test_what_a_process_delivers_just_now_is_left_to_it_until_it_must_have_died(tmp_path: Path) -> None:
    # given a claim of now and a claim of long ago
    spool, ledger = Spool(str(tmp_path)), Accepting()
    spool.keep([event(1), event(2)])
    now, job = int(files.os.stat(tmp_path).st_mtime), f"{event(1).id}.job"
    (tmp_path / job).rename(tmp_path / f"{job}.{now}-aa.taken")
    job = f"{event(2).id}.job"
    (tmp_path / job).rename(tmp_path / f"{job}.{now - TAKEN_S - 60}-bb.taken")

    # when
    spool.deliver(ledger)

    # then
    assert ledger.ids == [event(2).id]
    assert spool.waiting() == 1


@pytest.mark.parametrize("call", ["fsync", "replace", "makedirs"])
def test_a_full_disk_keeps_none_of_them_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    # given one job that is kept already, and a disk that is full from the second write on
    spool = Spool(str(tmp_path / "spool"))
    spool.keep([event(1)])
    real, calls = getattr(os, call), []

    def full(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if call == "makedirs" or len(calls) > 2:
            raise OSError(28, "No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(os, call, full)

    # when
    with pytest.raises(NotKept, match=r"No space left on device.*nothing was kept"):
        spool.keep([event(1), event(2), event(3)])

    # then
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [f"{event(1).id}.job"]


def test_a_spool_that_is_full_keeps_nothing_more(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), most_bytes=3 * 4096)
    spool.keep([event(1), event(2)])

    with pytest.raises(NotKept, match="is full"):
        spool.keep([event(3), event(4)])

    assert spool.waiting() == 2


def test_what_is_kept_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    Spool(str(tmp_path / "spool")).keep([event(1)])

    (path,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_folder_is_the_setting_else_beside_the_configuration_else_the_users_own(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": "/state"}

    assert default_folder("/var/spool/tq", "/etc/tq", environ) == "/var/spool/tq"
    assert default_folder("", "/etc/tq", environ) == "/etc/tq/spool"
    assert default_folder("", "", environ) == "/state/tq-workers/spool"
