"""The Redis bridge as a process: what is pushed is in the ledger or in the quarantine, whatever is killed."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from producers.bridge.presence import Presence
from producers.bridge.sources import ListSource, Taken
from producers.redis_bridge import KEYS, serve
from sandbox.launch.redis_server import RedisServer
from tests.support.producers import BIN, Process
from tests.support.waiting import until
from workers.core.errors import ServiceAway
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine
from workers.ledger.records import done
from workers.settings.model import Settings

pytestmark = pytest.mark.integration


def event(number: int) -> bytes:
    fields = {"event_name": f"event {number}", "event_type": "Sighting", "event_happened_at": 1633460462}
    return json.dumps(fields).encode()


def job_id(number: int) -> str:
    return Job("events.create", {"payload": json.loads(event(number))}, producer="redis").id


class Bridge(Process):
    """`tq-redis-bridge`, ready to move payloads."""

    def __init__(self, folder: Path, redis_url: str, **settings: str) -> None:
        environ = {"TQ_REDIS_URL": redis_url, "TQ_INGEST_TAKEOVER_S": "1"}
        environ |= {f"TQ_{name.upper()}": value for name, value in settings.items()}
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        super().__init__("tq-redis-bridge", folder, environ, "--ready-file", str(ready))
        until(lambda: ready.exists() or self.process.poll() is not None, within_s=30)
        assert self.process.poll() is None, (folder / "tq-redis-bridge.log").read_text()


@contextmanager
def bridge(folder: Path, redis_url: str, **settings: str) -> Iterator[Bridge]:
    """A bridge that is stopped politely at the end."""
    process = Bridge(folder, redis_url, **settings)
    try:
        yield process
        assert process.stop() == 0
    finally:
        if process.process.poll() is None:
            process.kill()


def push(redis: Redis, way: str, *messages: bytes) -> None:
    if way == "rpush":
        redis.rpush(KEYS[way], *messages)
    elif way == "lpush":
        redis.lpush(KEYS[way], *messages)
    else:
        for message in messages:
            redis.xadd(KEYS["stream"], {"payload": message})


def nothing_left(redis: Redis) -> bool:
    """Nothing waits in any source, nor with any bridge."""
    lists = redis.keys(keys.INGEST_PREFIX + "*push*")
    return not lists and redis.xlen(KEYS["stream"]) == 0


def test_every_way_of_pushing_ends_in_the_ledger(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    with bridge(tmp_path, redis_url):
        for number, way in enumerate(("rpush", "lpush", "stream")):
            push(redis, way, event(number))
        until(lambda: redis.publish(KEYS["channel"], event(3)))
        until(lambda: admin.open_jobs()["events"] == 4)
        record = admin.record(job_id(0))
        assert record is not None
        assert (record.producer, record.title) == ("redis", "event 0")
        until(lambda: nothing_left(redis))
    # A bridge that stopped politely leaves nothing behind
    assert redis.keys(keys.INGEST_PREFIX + "*") == [KEYS["stream"].encode()]
    assert "loses what no bridge hears" in (tmp_path / "tq-redis-bridge.log").read_text()


def test_a_health_check_sees_that_the_bridge_is_alive(redis_url: str, tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    with bridge(tmp_path, redis_url, heartbeat_file=str(alive)):
        assert alive.exists()
        alive.unlink()
        until(alive.exists)


@pytest.mark.parametrize("way", ["rpush", "lpush"])
def test_the_oldest_message_goes_first(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path, way: str
) -> None:
    for number in range(300):
        push(redis, way, event(number))
    with bridge(tmp_path, redis_url):
        until(lambda: admin.open_jobs()["events"] == 300)
    accepted = [
        (record.accepted_ms, record.title) for record in admin.records(admin.ids("accepted", most=300))
    ]
    order = [int(title.split()[1]) for _, title in sorted(accepted, key=lambda pair: pair[0])]
    # Jobs of one call share a millisecond; between calls the order is that of the pushes.
    assert {*order[:100]} <= {*range(250)}
    assert {*order[-50:]} <= {*range(200, 300)}


@pytest.mark.parametrize("way", ["rpush", "lpush", "stream"])
def test_what_was_pushed_before_there_was_a_bridge_is_taken(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path, way: str
) -> None:
    push(redis, way, event(1))
    with bridge(tmp_path, redis_url):
        assert until(lambda: admin.open_jobs()["events"] == 1)
        assert until(lambda: nothing_left(redis))


def test_a_channel_is_listened_to_however_much_it_says(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    with bridge(tmp_path, redis_url):
        until(lambda: redis.publish(KEYS["channel"], event(0)))
        for number in range(1, 450):
            redis.publish(KEYS["channel"], event(number))
        assert until(lambda: admin.open_jobs()["events"] == 450)


def test_a_cloud_event_under_a_name_that_was_used_before_is_kept(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    envelope = {"specversion": "1.0", "id": "7", "source": "aws", "type": "detection"}
    messages = [json.dumps({**envelope, "data": json.loads(event(number))}).encode() for number in (1, 2)]
    with bridge(tmp_path, redis_url):
        push(redis, "rpush", *messages)
        quarantine = Quarantine(redis)
        until(lambda: quarantine.count() == 1)
    (item,) = filter(None, map(quarantine.item, quarantine.ids()))
    assert (item.code, item.source, json.loads(item.raw)) == (
        "key_reused",
        KEYS["rpush"],
        json.loads(event(2)),
    )
    assert admin.open_jobs()["events"] == 1


def test_what_was_taken_and_not_done_comes_first_and_is_not_dropped_for_what_came_later(redis: Redis) -> None:
    # Given a source that could not say that its messages are done
    source = ListSource(redis, KEYS["rpush"], "this-one")
    push(redis, "rpush", event(1))
    taken = source.take()
    push(redis, "rpush", event(2))
    # When it is asked again
    again = source.take()
    assert (again.messages, taken.messages) == ([event(1)], [event(1)])
    source.done(again)
    assert source.take().messages == [event(2)]


def test_a_source_that_breaks_ends_the_bridge_so_that_its_supervisor_sees_it(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_source: ListSource) -> Taken:
        raise ZeroDivisionError

    monkeypatch.setattr(ListSource, "take", broken)
    stopping = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve, Settings(redis_url=redis_url), stopping)
        try:
            with pytest.raises(ZeroDivisionError):
                serving.result(timeout=10)
        finally:
            stopping.set()


def test_what_is_no_payload_is_kept_with_its_bytes(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    bad = [b"{not json", b'{"event_name": "no type"}', bytes(range(256))]
    with bridge(tmp_path, redis_url):
        push(redis, "rpush", *bad, event(1))
        redis.xadd(KEYS["stream"], {"data": "in the wrong field"})
        until(lambda: admin.open_jobs()["events"] == 1)
        quarantine = Quarantine(redis)
        until(lambda: quarantine.count() == 4)
    items = [item for item in map(quarantine.item, quarantine.ids()) if item]
    assert {item.producer for item in items} == {"redis"}
    assert {*bad} <= {item.raw for item in items}
    assert {item.source for item in items} == {KEYS["rpush"], KEYS["stream"]}
    assert any("no field payload" in item.raw.decode("utf-8", "replace") for item in items)


def test_one_message_may_hold_several_payloads(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    with bridge(tmp_path, redis_url):
        push(redis, "rpush", b"\n".join(event(number) for number in range(450)))
        assert until(lambda: admin.open_jobs()["events"] == 450)


def test_while_the_ledger_is_full_nothing_more_is_taken(
    redis: Redis, redis_url: str, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> None:
    ledger.accept([Job("events.create", {"payload": {"n": 1}}, producer="cli")])
    with bridge(tmp_path, redis_url, max_open_jobs="1"):
        push(redis, "rpush", *(event(number) for number in range(1000)))
        log = tmp_path / "tq-redis-bridge.log"
        until(lambda: "busy=True" in log.read_text())
        assert redis.llen(KEYS["rpush"]) >= 800
    # Told to stop, it puts back what it had taken
    assert redis.llen(KEYS["rpush"]) == 1000
    assert redis.lindex(KEYS["rpush"], 0) == event(0)
    assert admin.open_jobs()["events"] == 1


def test_a_redis_of_the_senders_that_is_away_is_waited_for(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "ingest").start()
    with bridge(tmp_path, redis_url, ingest_redis_url=server.url):
        server.kill()
        server.start()
        with Redis.from_url(server.url) as ingest:
            push(ingest, "rpush", event(1))
            push(ingest, "stream", event(2))
            assert until(lambda: admin.open_jobs()["events"] == 2, within_s=30)
            assert until(lambda: nothing_left(ingest))
    server.stop()


def test_while_the_ledger_is_away_what_was_taken_is_kept_for_it(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path / "ledger").start()
    with bridge(tmp_path, server.url, ingest_redis_url=redis_url):
        server.kill()
        push(redis, "rpush", event(1))
        log = tmp_path / "tq-redis-bridge.log"
        until(lambda: "waiting" in log.read_text())
        server.start()
        with connect(server.url) as client:
            assert until(lambda: LedgerAdmin(client).record(job_id(1)), within_s=30)
            assert until(lambda: nothing_left(redis))
    server.stop()


def test_a_bridge_that_could_not_give_back_what_it_had_taken_is_taken_over(
    redis: Redis, redis_url: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_reach(_source: ListSource) -> None:
        # Longer than the bridge pauses between two looks at its sources: it has stopped looking by then.
        time.sleep(0.5)
        raise ServiceAway("redis", "Redis is away for a moment")

    # Given a bridge that has taken a message which the ledger has no room for
    ledger.accept([Job("events.create", {"payload": {"n": 1}}, producer="cli")])
    push(redis, "rpush", event(1))
    settings, stopping = (
        Settings(redis_url=redis_url, max_open_jobs=1, ingest_takeover_s=1),
        threading.Event(),
    )
    monkeypatch.setattr(ListSource, "close", out_of_reach)
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve, settings, stopping)
        until(lambda: not redis.llen(KEYS["rpush"]))
        # When it is stopped and cannot put the message back
        stopping.set()
        with pytest.raises(ServiceAway):
            serving.result(timeout=30)
    # Then another bridge does it, once the first is silent
    other = Presence(redis, "other", takeover_s=1)
    until(lambda: other.beat() or redis.lrange(KEYS["rpush"], 0, -1) == [event(1)])


def test_what_is_pushed_is_accepted_or_quarantined_though_bridges_are_killed_again_and_again(
    redis: Redis, redis_url: str, admin: LedgerAdmin, tmp_path: Path
) -> None:
    """Two bridges share the work; five times one of them, chosen by chance, is killed hard."""
    chance = random.Random(5)
    running: list[Bridge] = [Bridge(tmp_path / str(number), redis_url) for number in range(2)]
    for turn in range(5):
        for way in ("rpush", "lpush", "stream"):
            base = turn * 3000 + ("rpush", "lpush", "stream").index(way) * 1000
            push(redis, way, *(event(base + number) for number in range(400)))
            push(redis, way, *(b"junk %d" % (base + number) for number in range(20)))
        victim = chance.randrange(2)
        running[victim].kill()
        running[victim] = Bridge(tmp_path / f"{turn}-{victim}", redis_url)
    until(lambda: nothing_left(redis), within_s=30)
    for process in running:
        assert process.stop() == 0
    assert admin.open_jobs()["events"] == 5 * 3 * 400
    assert Quarantine(redis).count() == 5 * 3 * 20


def test_the_keys_are_shown_for_setting_up_what_pushes() -> None:
    shown = subprocess.run(
        [BIN / "tq-redis-bridge", "--show-keys", "--json"], capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(shown.stdout)
    assert found == KEYS
    assert not any(key.startswith(keys.CELERY_PREFIX) for key in found.values())


def test_json_alone_starts_no_bridge() -> None:
    ended = subprocess.run(
        [BIN / "tq-redis-bridge", "--json"], check=False, capture_output=True, text=True, timeout=30
    )
    assert (ended.returncode, "--show-keys" in ended.stderr) == (2, True)


def test_a_message_of_more_payloads_than_the_queue_may_hold_is_accepted_as_room_appears(
    redis: Redis, redis_url: str, ledger: Ledger, admin: LedgerAdmin, tmp_path: Path
) -> None:
    # Given a queue that may hold five jobs, and one message of eight payloads
    with bridge(tmp_path, redis_url, max_open_jobs="5"):
        push(redis, "rpush", b"[" + b",".join(map(event, range(8))) + b"]")
        until(lambda: admin.open_jobs()["events"] == 5)
        # When workers have done those, then the others are accepted
        ledger.settle([done(claim, {}) for claim in ledger.claim("events", 10)])
        until(lambda: nothing_left(redis))
    assert {*admin.ids("done"), *admin.ids("accepted")} == {job_id(number) for number in range(8)}


def test_the_log_says_of_a_repeat_what_became_of_it(
    redis: Redis, redis_url: str, ledger: Ledger, tmp_path: Path
) -> None:
    # Given a payload that became an event
    ledger.accept([Job("events.create", {"payload": json.loads(event(1))}, producer="http")])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, EventResult(7, "https://tq/events/7/details"))])
    # When it is pushed again
    with bridge(tmp_path, redis_url):
        push(redis, "rpush", event(1))
        until(lambda: nothing_left(redis))
    # Then the log names the job, its state and its event
    log = (tmp_path / "tq-redis-bridge.log").read_text()
    (line,) = [line for line in log.splitlines() if "known already" in line]
    for part in (claim.id, "done", "7", "https://tq/events/7/details"):
        assert part in line
