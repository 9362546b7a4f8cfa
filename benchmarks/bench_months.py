"""Ninety days at one job a second on a Redis of 1 GB, in minutes: the bytes a job takes, and whether memory stays flat.

Time passes by the times that the ledger is told: what was done is dated, and upkeep is given the date. The first ninety
days leave markers alone, since nothing else is left of them; after that each job is accepted, worked on, packed and
retired like any other.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from sandbox.launch.redis_server import RedisServer, age
from workers.core.jobs import Job
from workers.core.results import EventResult, IndicatorRef, ObjectRef
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect, now_ms, send
from workers.ledger.ledger import Ledger
from workers.ledger.markers import DAY_MS, TEXTS, WIDTH
from workers.ledger.packing import Packer
from workers.ledger.records import Claim, Settlement, done

#: Jobs of a day, and days: those that left their markers, and those whose jobs are worked on.
JOBS_A_DAY = int(os.environ.get("TQ_BENCH_JOBS_A_DAY", "86400"))
PAST_DAYS, DAYS = 90, 6

#: Jobs that are accepted, worked on, or dated at once.
AT_ONCE = 100

#: Memory that Redis may use.
MAXMEMORY = 2**30

PAYLOAD = Path(__file__).parents[1] / "tests" / "fixtures" / "payload-example.json"


class Day(Struct, frozen=True):
    """What Redis holds at the end of a day: bytes in all, jobs with their content, jobs ever dated."""

    used: int
    bodies: int
    jobs: int


def run() -> dict[str, Any]:
    """Return the bytes of a job by kind, the largest share of the memory, and the memory at the end of each day."""
    with redis_of(MAXMEMORY) as redis:
        months = Months(redis, JOBS_A_DAY)
        empty = months.day()
        for _ in range(PAST_DAYS):
            months.pass_a_past_day()
        past = months.day()
        open_bytes = months.bytes_of_an_open_job()
        days = [months.pass_a_day() for _ in range(DAYS)]
    # By now there are two days of jobs, and one or two days of markers less, which are 20 bytes of a job at most.
    full = days[1]
    flat = [day.used for day in days[3:]]
    assert max(flat) < 1.02 * min(flat), "the memory grows after the retention"
    return {
        "jobs": days[-1].jobs,
        "marker_bytes": round((past.used - empty.used) / past.jobs, 1),
        "done_bytes": round((full.used - past.used) / full.bodies),
        "open_bytes": round(open_bytes),
        "used_mb": [round(day.used / 2**20, 1) for day in (past, *days)],
        "most_percent": round(100 * max(day.used for day in days) / MAXMEMORY, 1),
    }


@contextmanager
def redis_of(maxmemory: int) -> Iterator[RedisClient]:
    """Start a Redis that may use so many bytes; yield a client of it."""
    with tempfile.TemporaryDirectory(prefix="tq-bench-") as folder:
        server = RedisServer(Path(folder), options=("--maxmemory", str(maxmemory))).start()
        try:
            with connect(server.url) as redis:
                age(redis)
                yield redis
        finally:
            server.stop()


class Months:
    """A ledger whose days are as short as its work."""

    def __init__(self, redis: RedisClient, jobs_a_day: int) -> None:
        self.redis, self.jobs_a_day = redis, jobs_a_day
        self.ledger, self.packer = Ledger(redis), Packer(redis)
        self.now_ms = now_ms(redis)
        self.jobs = 0
        self._random = Random(jobs_a_day)
        self._payload = json.loads(PAYLOAD.read_text())

    def pass_a_past_day(self) -> None:
        """Leave the markers of a day whose content is forgotten."""
        for start in range(0, self.jobs_a_day, 10 * AT_ONCE):
            count = min(10 * AT_ONCE, self.jobs_a_day - start)
            self._date(
                [self._random.randbytes(12).hex() for _ in range(count)], DAY_MS * start // self.jobs_a_day
            )
        self.now_ms += DAY_MS
        self._look_after(self.now_ms + 2 * DAY_MS)

    def pass_a_day(self) -> Day:
        """Accept a day's jobs and work on them; raises Busy where the ledger refuses one."""
        for start in range(0, self.jobs_a_day, AT_ONCE):
            count = min(AT_ONCE, self.jobs_a_day - start)
            self.ledger.accept([self._detection() for _ in range(count)])
            claims = self.ledger.claim("events", AT_ONCE)
            self.ledger.settle([self._event_of(claim) for claim in claims])
            self._date([claim.id for claim in claims], DAY_MS * start // self.jobs_a_day)
        self.now_ms += DAY_MS
        self._look_after(self.now_ms)
        return self.day()

    def bytes_of_an_open_job(self) -> float:
        """Return the bytes that one of some open jobs takes; they are worked on then."""
        before, jobs = self.day().used, [self._detection() for _ in range(20 * AT_ONCE)]
        self.ledger.accept(jobs)
        accepted = self.day().used
        while claims := self.ledger.claim("events", AT_ONCE):
            self.ledger.settle([self._event_of(claim) for claim in claims])
            self._date([claim.id for claim in claims], 0)
        return (accepted - before) / len(jobs)

    def day(self) -> Day:
        """Return what Redis holds now."""
        return Day(self.redis.info("memory")["used_memory"], self.redis.zcard(keys.DONE), self.jobs)

    def markers(self) -> int:
        """Return how many markers there are."""
        lengths = send(self.redis, [("STRLEN", keys.ended(f"{number:04x}")) for number in range(TEXTS)])
        return int(sum(lengths)) // WIDTH

    def _date(self, job_ids: list[str], since_ms: int) -> None:
        ended_ms = self.now_ms + since_ms
        words = [word for job_id in job_ids for word in (ended_ms, job_id)]
        send(self.redis, [("ZADD", keys.DONE, *words)])
        self.jobs += len(job_ids)

    def _look_after(self, now: int) -> None:
        """Do what upkeep does, until nothing is left to do."""
        retention = self.ledger.retention
        retention.forget_markers(now - retention.keep_markers_ms)
        while retention.retirable(now - retention.keep_bodies_ms):
            retention.step(now)
        self.packer.step(now + DAY_MS, within_s=600)

    def _detection(self) -> Job:
        """Return the guide's payload as another user, address, moment and request cause it."""
        random = self._random
        text, user = json.dumps(self._payload), f"user-{random.randbytes(3).hex()}"
        for given, instead in (
            ("1.2.3.4", ".".join(str(random.randrange(1, 250)) for _ in range(4))),
            ("user@co.com", f"{user}@example.com"),
            ("this_username", f"svc-{random.randbytes(4).hex()}"),
            ("ABCDE6FGHI7JKLM", random.randbytes(8).hex().upper()),
            ("AAABBBCCDDDEEE1223", random.randbytes(9).hex().upper()),
            ("ZYXWVUT", random.randbytes(8).hex().upper()),
            ("123456789", str(random.randrange(10**11, 10**12))),
            ("111222-a333444-ds555-ab667899", random.randbytes(16).hex()),
            ("1a2b3c-456f7g-890j1", random.randbytes(16).hex()),
            ("19:01:02", f"{random.randrange(10, 24)}:{random.randrange(10, 60)}:{random.randrange(10, 60)}"),
        ):
            text = text.replace(given, instead)
        payload = json.loads(text)
        trace = f"00-{random.randbytes(16).hex()}-{random.randbytes(8).hex()}-01"
        return Job(
            "events.create", {"payload": payload}, producer="http", title=payload["event_name"], trace=trace
        )

    def _event_of(self, claim: Claim) -> Settlement:
        payload, number = claim.arguments["payload"], self._random.randrange(10**6, 10**7)
        result = EventResult(
            event_id=number,
            link=f"https://threatq.example.com/events/{number}/details",
            indicators=(
                IndicatorRef(number + 7, "IP Address", payload["syslog_message"]["sourceIPAddress"]),
            ),
            objects=(ObjectRef(number + 9, "identities", payload["identity"]),),
        )
        return done(claim, result)
