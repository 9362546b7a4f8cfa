"""`tqctl spool flush`: what a producer kept is delivered once, and what is refused goes to the quarantine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from sandbox.launch.redis_server import free_port
from tests.support.operator import Operator
from tests.support.redis_users import guarded_redis
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, QuarantinedItem
from workers.ledger.spool import UNREADABLE, WAITING, Spool

pytestmark = pytest.mark.integration

TQCTL = Path(sys.executable).with_name("tqctl")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """The spool of the settings: it lies beside where tq.yaml would be."""
    (tmp_path / "tq.yaml").touch(mode=0o600)
    return Spool(str(tmp_path / "spool"))


def quarantined(redis: Redis) -> list[QuarantinedItem]:
    quarantine = Quarantine(redis)
    items = (quarantine.item(item_id) for item_id in quarantine.ids())
    return [item for item in items if item]


def event(number: int, mapping: str = "", **options: Any) -> Job:
    payload = {"event_name": f"event {number}", "event_type": "Sighting"}
    named = {"mapping": {"name": mapping, "version": 1}} if mapping else {}
    return Job("events.create", {"payload": payload, **named}, producer="cli", title=str(number), **options)


def test_what_waits_is_delivered_with_a_count(operator: Operator, spool: Spool, admin: LedgerAdmin) -> None:
    spool.keep([event(number) for number in range(250)])

    answer = operator.types("spool", "flush")

    assert (answer.code, answer.out) == (0, f"delivered from {spool.folder}: 250 jobs\n")
    assert admin.open_jobs()["events"] == 250
    assert spool.waiting() == 0


def test_two_flushes_at_once_deliver_each_job_once(
    operator: Operator, spool: Spool, admin: LedgerAdmin, redis: Redis
) -> None:
    spool.keep([event(number) for number in range(600)])

    running = [
        subprocess.Popen([TQCTL, "--json", "spool", "flush"], stdout=subprocess.PIPE) for _ in range(2)
    ]
    delivered = [json.loads(process.communicate(timeout=60)[0])["delivered"] for process in running]

    assert sum(delivered) == 600
    assert admin.open_jobs()["events"] == 600
    assert spool.waiting() == 0


def test_what_is_no_job_or_is_refused_goes_to_the_quarantine(
    operator: Operator, spool: Spool, ledger: Ledger, redis: Redis
) -> None:
    # given: a file that is cut short, and a job whose key was used for something else
    ledger.accept([event(1, key="k")])
    spool.keep([event(2, mapping="acme-alarm", key="k"), event(3)])
    cut = Path(spool.folder, "cut" + WAITING)
    cut.write_bytes(b"0123\n{")

    # when
    answer = operator.types("spool", "flush")

    # then
    assert answer.code == 1
    assert "its key was used before for something else; in the quarantine as" in answer.out
    items = quarantined(redis)
    assert {(item.raw, item.mapping) for item in items} == {
        (b"0123\n{", ""),
        (b'{"event_name":"event 2","event_type":"Sighting"}', "acme-alarm"),
    }
    assert [item.producer for item in items] == ["spool", "spool"]
    assert spool.set_aside() == []


def test_what_an_earlier_delivery_set_aside_goes_there_too(
    operator: Operator, spool: Spool, redis: Redis
) -> None:
    folder = Path(spool.folder, UNREADABLE)
    folder.mkdir(parents=True)
    (folder / "old.job").write_bytes(b"torn")

    code = operator.types("spool", "flush").code

    assert (code, [item.raw for item in quarantined(redis)]) == (1, [b"torn"])


def test_while_the_quarantine_is_full_the_file_stays(
    operator: Operator, spool: Spool, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_MAX_QUARANTINED_BYTES", "1")
    folder = Path(spool.folder, UNREADABLE)
    folder.mkdir(parents=True)
    (folder / "old.job").write_bytes(b"torn")

    answer = operator.types("spool", "flush")

    assert answer.code == 1
    assert "it cannot go to the quarantine: the quarantine is full" in answer.out
    assert len(spool.set_aside()) == 1


def test_while_redis_is_away_all_waits_and_the_code_says_so(
    operator: Operator, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.keep([event(1)])
    monkeypatch.setenv("TQ_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    answer = operator.types("spool", "flush")

    assert answer.code == 3
    assert "1 job still waits" in answer.out
    assert spool.waiting() == 1


def test_what_waits_is_shown_and_check_says_what_delivers_it(operator: Operator, spool: Spool) -> None:
    spool.keep([event(1)])

    shown = operator.asks("spool", "show")
    line = next(
        line for line in operator.types("--json", "check", "--only", "here").json if line["what"] == "spool"
    )

    assert (shown["folder"], shown["waiting"]) == (spool.folder, 1)
    assert "tqctl spool flush" in line["remedy"]


UPKEEP = "from workers.app import app; from workers.tasks.upkeep import work; work()"


def test_upkeep_delivers_from_the_folder_of_its_machine(
    spool: Spool, admin: LedgerAdmin, redis_url: str, redis: Redis
) -> None:
    spool.keep([event(number) for number in range(3)])

    environ = {"PATH": "", "TQ_REDIS_URL": redis_url, "TQ_SPOOL_DIR": spool.folder}
    subprocess.run([sys.executable, "-c", UPKEEP], env=environ, check=True, timeout=60)

    until(lambda: redis.zcard(keys.due("events")) == 3)
    assert spool.waiting() == 0


def test_the_user_of_a_producer_delivers_and_leaves_what_is_refused_where_it_is(
    operator: Operator, spool: Spool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool.keep([event(1)])
    Path(spool.folder, "cut" + WAITING).write_bytes(b"torn")

    with guarded_redis(tmp_path / "acl") as guarded:
        guarded.load_functions()
        monkeypatch.setenv("TQ_REDIS_URL", guarded.url("producer"))
        answer = operator.types("spool", "flush")

    assert answer.code == 1
    assert "1 job\n" in answer.out
    assert "it stays, as it cannot go to the quarantine" in answer.out
    assert len(spool.set_aside()) == 1
