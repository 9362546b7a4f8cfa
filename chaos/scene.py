"""Where a scenario happens: Redis, the sandbox, workers and beat as real processes, and a hand on each of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import requests

from chaos.account import Account
from chaos.payloads import payload
from chaos.sentinels import Sentinels
from producers.enqueue import ANSWER_TIMEOUT_S, hand_over
from sandbox.launch.processes import Processes
from sandbox.launch.redis_server import RedisServer
from sandbox.launch.system import enable_connector, start_threatq, write_settings
from workers.core.errors import ServiceAway, TqError
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect, send
from workers.ledger.ledger import Ledger
from workers.ledger.records import State
from workers.ledger.scripts import WHEN_FULL
from workers.ledger.spool import Spool
from workers.settings.model import Settings
from workers.threatq.service import ThreatQ
from workers.threatq.service import connect as connect_threatq

#: Seconds of a lease: short, so that a killed worker's jobs come back while we watch.
LEASE_S = 4

#: What the workers of every scene run with; retries of a call that hangs must not take half a minute.
ENVIRON = {"TQ_LEASE_S": str(LEASE_S), "TQ_THREATQ_READ_TIMEOUT_S": "2"}

#: Milliseconds that the sandbox takes for each call, so that there is a middle to break things in.
LATENCY_MS = 20

#: Seconds that a supervisor waits before it starts a process anew that ended by itself.
RESTART_S = 1.0

#: Seconds for what a scenario that broke off has left.
SETTLE_S = 60.0

#: Jobs that a producer hands over at once.
BATCH = 45

#: In one step, since a job that is claimed in between would lose its lease.
NO_MORE_WAITING = """
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('HGET', ARGV[1] .. id, 'state') == 'waiting' then
    redis.call('ZADD', KEYS[1], 0, id)
  end
end
"""

#: One Redis, or a replicated one that stands in for it.
Server = RedisServer | Sentinels


class Scene:
    """One system for one scenario."""

    def __init__(
        self,
        folder: Path,
        redis: Server,
        settings: Settings,
        processes: Processes,
        say: Callable[[str], None],
    ) -> None:
        self.folder, self.redis, self.settings, self.processes = folder, redis, settings, processes
        self.say = say
        client = connect(redis.url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0)
        self.ledger, self.admin = Ledger(client, lease_s=LEASE_S), LedgerAdmin(client)
        self.spool = Spool(str(folder / "spool"))
        #: Payload number -> job id of everything that a producer was told is kept.
        self.sent: dict[int, str] = {}
        #: How often a process that ended by itself was started anew.
        self.restarts: Counter[str] = Counter()
        #: The queue whose jobs this scene is about, and who judges them if they are no payloads.
        self.queue, self.judge = "events", cast("Callable[[Account], None] | None", None)
        #: Jobs that a producer had to keep on disk.
        self.spooled = 0
        #: Jobs that this fault is meant to bring to the dead letters.
        self.may_die = 0
        self.notes: list[str] = []
        self.problems: list[str] = []
        self._restarted_at: dict[str, float] = {}

    @property
    def threatq(self) -> ThreatQ:
        """ThreatQ as a client of its own sees it."""
        return connect_threatq(self.settings)

    def send(self, numbers: Sequence[int], *, senders: int = 1) -> None:
        """Hand payloads of so many senders over as a producer does, to the spool while Redis is away."""
        for start in range(0, len(numbers), BATCH):
            part = numbers[start : start + BATCH]
            jobs = [
                Job(
                    "events.create",
                    {"payload": payload(number)},
                    producer="chaos",
                    sender=f"sender{number % senders}",
                )
                for number in part
            ]
            for number, handed in zip(part, hand_over(jobs, self.ledger, self.spool).handed, strict=True):
                self.sent[number] = handed.id
                self.spooled += handed.status == "spooled"

    def unknown(self, numbers: Sequence[int]) -> int:
        """Return how many of the payloads that were sent the ledger knows nothing of."""
        known = {record.id for record in self.admin.records([self.sent[number] for number in numbers])}
        return sum(self.sent[number] not in known for number in numbers)

    @property
    def server(self) -> RedisServer:
        """The Redis process that takes the writes now."""
        return self.redis.primary() if isinstance(self.redis, Sentinels) else self.redis

    def mend(self) -> None:
        """Bring back what a scenario that broke off has left broken."""
        self.no_faults()
        if isinstance(self.redis, RedisServer) and self.redis.process is None:
            self.redis.start()

    def lever(self, path: str, body: Any = None, *, verb: str = "POST") -> Any:
        """Pull a lever of the simulated ThreatQ."""
        answer = requests.request(verb, f"{self.settings.threatq_url}/sandbox/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def fault(self, kind: str, **fields: Any) -> None:
        """Switch a fault of the simulated ThreatQ on."""
        self.lever("faults", {"kind": kind, **fields})

    def no_faults(self) -> None:
        """Switch every fault off, but not the latency of each call."""
        self.lever("faults", verb="DELETE")
        self.fault("latency", ms=LATENCY_MS)

    def calls(self) -> int:
        """Return how often ThreatQ was called so far."""
        return int(self.lever("calls", verb="GET")["total"])

    def events(self) -> int:
        """Return how many events ThreatQ holds."""
        return int(self.threatq.caller.call("GET", "/api/events", params={"limit": "1"})["total"])

    def until_events(self, *, more_than: int) -> None:
        """Return once ThreatQ holds more than so many events."""
        self.until(lambda: self.events() > more_than, "ThreatQ has made events", within_s=60)

    def until_called(self, route: str = "") -> None:
        """Return once ThreatQ has answered again, the call `route` if one is named."""
        before = self._called(route)
        self.until(lambda: self._called(route) > before, f"ThreatQ is called: {route}", within_s=60)

    def _called(self, route: str) -> int:
        report = self.lever("calls", verb="GET")
        return int(report["by_route"].get(route, 0) if route else report["total"])

    def waiting(self) -> int:
        """Return how many jobs wait for another try."""
        return self._open("waiting")

    def running(self) -> int:
        """Return how many jobs a worker has claimed."""
        return self._open("running")

    def _open(self, state: State) -> int:
        open_ids = self.admin.ids("accepted", most=10**6, queue=self.queue)
        return sum(record.state == state for record in self.admin.records(open_ids))

    def deliver(self) -> None:
        """Have the ledger take what a scenario that broke off left in the spool, and all be done, if that can be."""
        with suppress(TqError):
            self.finish(within_s=SETTLE_S, hurry=True)

    def takes_jobs(self) -> bool:
        """Deliver what is spooled; whether the ledger takes jobs."""
        self.spool.deliver(self.ledger.accept)
        return self.ledger.redis.ping()

    def open_jobs(self) -> int:
        """Return how many jobs of this scene's queue are open."""
        return self.admin.open_jobs()[self.queue]

    def all_settled(self) -> bool:
        """Whether no job is open."""
        return not self.open_jobs()

    def let_waiting_time_pass(self) -> None:
        """Make every job that waits due now, as if the time had passed."""
        script = WHEN_FULL + NO_MORE_WAITING
        send(self.ledger.redis, [("EVAL", script, 1, keys.due(self.queue), keys.progress(""))])

    def start_workers(self) -> None:
        """Start a beat and a worker, and return once the worker takes jobs."""
        self.start_beat()
        self.start_worker()
        self.wait_for_worker()

    def start_beat(self, name: str = "beat", *, environ: Mapping[str, str] | None = None) -> None:
        """Start a beat, with some of the scene's environment changed."""
        whole = self.processes.environ
        self.processes.environ = {**whole, **(environ or {})}
        self.processes.beat(name)
        self.processes.environ = whole

    def start_worker(
        self, name: str = "worker", *, queues: tuple[str, ...] = ("events", "upkeep"), threads: int = 8
    ) -> None:
        """Start a worker."""
        self.processes.worker(name, *queues, threads=threads)

    def wait_for_worker(self, name: str = "worker") -> None:
        """Return once the worker takes jobs."""
        self.until(lambda: " ready." in self.log_of(name), f"{name} is ready", within_s=30)

    def log_of(self, name: str) -> str:
        """Return what a process has logged, over all its lives."""
        return (self.processes.folder / f"{name}.log").read_text()

    def until(self, condition: Callable[[], object], what: str, *, within_s: float) -> None:
        """Wait for a condition and tend the processes meanwhile; raises TqError when the time is over."""
        deadline = time.monotonic() + within_s
        while not self._pending(condition):
            self.tend()
            if time.monotonic() > deadline:
                raise TqError(f"not within {within_s:.0f} s: {what}")
            time.sleep(0.02)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as the schedule says, and tend the processes meanwhile."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.tend()
            time.sleep(min(0.05, max(0.0, ends - time.monotonic())))

    def tend(self) -> None:
        """Start processes anew that ended by themselves, as systemd or compose with restart=always would."""
        for name, process in list(self.processes.running.items()):
            recently = time.monotonic() - self._restarted_at.get(name, 0.0) < RESTART_S
            if process.poll() is None or recently:
                continue
            self.say(f"{name} ended by itself with code {process.returncode}; the supervisor starts it anew")
            self.restarts[name] += 1
            self._restarted_at[name] = time.monotonic()
            self.processes.restart(name)

    def expect(self, is_so: bool, what: str) -> None:
        """Note a promise of this scenario alone that was not kept."""
        if not is_so:
            self.problems.append(what)

    def finish(self, *, within_s: float, hurry: bool) -> None:
        """Deliver what is spooled and wait until nothing is open; in a hurry, without a job's last pause."""

        def nothing_open() -> bool:
            if self.spool.waiting():
                self.spool.deliver(self.ledger.accept)
            return self.settled(hurry=hurry)

        self.until(nothing_open, "every job is done or dead", within_s=within_s)

    def settled(self, *, hurry: bool) -> bool:
        """Whether no job is open; in a hurry, jobs that wait are due at once."""
        if hurry:
            self.let_waiting_time_pass()
        return self.all_settled()

    def _pending(self, condition: Callable[[], object]) -> bool:
        try:
            return bool(condition())
        except (ServiceAway, OSError):
            return False


@contextmanager
def scene(
    folder: Path,
    say: Callable[[str], None],
    *,
    appendfsync: str = "everysec",
    replicated: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Scene]:
    """Yield a scene with Redis and the sandbox running, and neither workers nor beat yet.

    The simulated ThreatQ makes a new event for each request to make one, so that no double stays hidden.
    """
    with ExitStack() as stack:
        kind = Sentinels if replicated else RedisServer
        server: Server = kind(folder / "redis", appendfsync=appendfsync).start()
        stack.callback(server.stop)
        config = folder / "config"
        own = {"TQ_CONFIG": str(config), "TQ_REDIS_URL": server.url, **ENVIRON, **(environ or {})}
        processes = stack.enter_context(Processes(folder / "logs", own))
        settings = start_threatq(processes, folder, Settings(redis_url=server.url), 0)
        write_settings(config, settings)
        enable_connector(settings)
        here = Scene(folder, server, settings, processes, say)
        stack.callback(here.ledger.redis.close)
        here.lever("behaviour", {"event_key": "none"})
        here.no_faults()
        yield here
