"""A model of the ledger: senders, Redis with its memory and its disk, workers and ThreatQ, as one small state.

Each step of the real system that another step can come before is a step here, and any may come next. A worker that
stands still is one whose next step comes late. The end of a lease or of a wait is no step, since it may come at any
time: a job that is open or running may always be claimed. So a renewal is no step of its own either: it only keeps off
what the model lets happen anyway. What is renewed just before an event is made counts: that is the proof of the lease.
A fail-over is a return of Redis with what the replica has.

What the model takes for granted:
- A call that makes an event reaches ThreatQ before the lease ends that was proved just before it.
- What Redis has forgotten is sent again while first attempts still look for their event after a restart
  (`look_up_after_restart_s`), or never.
- A look-up finds an event that was made.
- How often a job has lost its worker is not counted: it may be buried each time that it could be claimed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple


class Rules(NamedTuple):
    """The safeguards; the tests show that without any one of them some promise breaks."""

    #: A worker proves its lease just before it makes an event.
    proves_its_lease: bool = True
    #: A proof holds only in the life of Redis in which the job was claimed.
    proof_ends_with_redis: bool = True
    #: Jobs accepted before, or soon after, Redis came back are looked for at their first attempt too.
    is_wary_after_a_restart: bool = True
    #: A Redis that names no life is taken for one that has forgotten all.
    takes_no_life_for_a_restart: bool = True
    #: An attempt that may have made something stays counted when it is put off.
    counts_cut_attempts: bool = True
    #: Only the holder of a lease can settle its job.
    settles_only_what_it_holds: bool = True
    #: The upkeep wakes a queue that has ready jobs and no wake-up.
    upkeep_wakes: bool = True
    #: A producer says accepted only once the disk, or a replica, has the job.
    confirms_on_disk: bool = False


ALL_RULES = Rules()


class Record(NamedTuple):
    """What Redis holds of a job: `holder` is the worker with its lease, `attempts` are counted up to 2.

    `is_covered`: it was accepted when Redis might have forgotten something, so its first attempt looks for its event.
    """

    state: Literal["open", "running", "done", "dead", "refused"] = "open"
    holder: int | None = None
    attempts: int = 0
    is_covered: bool = False


class Memory(NamedTuple):
    """What Redis holds: the record of each job, None where it knows none; and whether a wake-up waits.

    `life`: the run of Redis that it last noted ("" none yet); `is_wary`: it came back lately.
    """

    records: tuple[Record | None, ...]
    wake_up: bool = False
    life: Literal["", "this", "earlier"] = ""
    is_wary: bool = False


class Work(NamedTuple):
    """A claim in a worker's hands, and how far its work has come; `looks`: the event is looked for first."""

    job: int
    looks: bool
    is_of_this_life: bool = True
    step: Literal["claimed", "found", "not found", "made", "cut", "not begun"] = "claimed"


#: What a worker does.
Worker = Literal["asleep", "awake"] | Work

#: What a sender knows of its job.
Sender = Literal["has not sent", "has sent", "was told"]


class World(NamedTuple):
    """Everything: Redis, what a crash would leave of it, the workers, ThreatQ's events for each job, the senders.

    `is_blind`: an event was made without a look-up for a job that had one. `troubles` counts what went wrong, where
    that is bounded.
    """

    memory: Memory
    disk: Memory
    workers: tuple[Worker, ...]
    events: tuple[int, ...]
    senders: tuple[Sender, ...]
    is_blind: bool = False
    troubles: int = 0


#: A step: what happens, and the world after it.
Step = tuple[str, World]


class Model:
    """The steps of a world with so many jobs and workers, under `rules`; `most_troubles` bounds what goes wrong.

    It begins with a Redis that has run for long, or with a new one.
    """

    def __init__(
        self,
        jobs: int,
        workers: int,
        rules: Rules = ALL_RULES,
        *,
        is_new: bool = False,
        most_troubles: int | None = None,
    ) -> None:
        self.rules, self.most_troubles = rules, most_troubles
        empty = Memory((None,) * jobs, life="" if is_new else "this")
        asleep: Worker = "asleep"
        unsent: Sender = "has not sent"
        self.first = World(empty, empty, (asleep,) * workers, (0,) * jobs, (unsent,) * jobs)

    def steps(self, world: World) -> Iterator[Step]:
        """Yield all that may happen."""
        yield from self.work(world)
        if self.most_troubles is None:
            yield from self.trouble(world)
        elif world.troubles < self.most_troubles:
            for step, after in self.trouble(world):
                yield step, after._replace(troubles=world.troubles + 1)

    def work(self, world: World) -> Iterator[Step]:
        """Yield what may happen where nothing fails."""
        for job, record in enumerate(world.memory.records):
            yield from self._send(world, job, record)
        yield from self._redis(world)
        for number, worker in enumerate(world.workers):
            if isinstance(worker, Work):
                yield from self._go_on(world, number, worker)
            else:
                yield from self._look_for_work(world, number, worker)

    def trouble(self, world: World) -> Iterator[Step]:
        """Yield what may go wrong."""
        yield "Redis comes back with what was on disk", come_back(world)
        if world.memory.wake_up:
            yield "the wake-up is lost", with_wake_up(world, waits=False)
        for job, record in enumerate(world.memory.records):
            if record is not None and record.state == "running":
                yield f"job {job} has lost too many workers", with_record(world, job, Record("dead"))
        for number, worker in enumerate(world.workers):
            if worker != "asleep":
                yield f"worker {number} is killed", let_go(world, number, "asleep")
            if isinstance(worker, Work):
                yield from self._fail(world, number, worker)

    def _send(self, world: World, job: int, record: Record | None) -> Iterator[Step]:
        if record is None:
            fresh = Record(is_covered=world.memory.is_wary)
            after = with_wake_up(with_record(world, job, fresh), waits=True)
            sender: Sender = "has sent" if self.rules.confirms_on_disk else "was told"
            yield f"job {job} is accepted", with_sender(after, job, sender)
        elif world.senders[job] == "has sent" and world.disk.records[job] is not None:
            yield f"the sender of job {job} is told", with_sender(world, job, "was told")

    def _redis(self, world: World) -> Iterator[Step]:
        yield "the disk has it all", world._replace(disk=world.memory._replace(wake_up=False))
        if self.rules.upkeep_wakes and any(is_ready(record) for record in world.memory.records):
            yield "the upkeep wakes the queue", with_wake_up(world, waits=True)
        is_forgotten = any(
            record is None and sender != "has not sent"
            for record, sender in zip(world.memory.records, world.senders, strict=True)
        )
        if world.memory.is_wary and not is_forgotten:
            yield (
                "nothing is sent again any more",
                world._replace(memory=world.memory._replace(is_wary=False)),
            )

    def _look_for_work(self, world: World, number: int, worker: Worker) -> Iterator[Step]:
        if worker == "asleep":
            if world.memory.wake_up:
                yield (
                    f"worker {number} is woken",
                    with_wake_up(with_worker(world, number, "awake"), waits=False),
                )
            return
        yield f"worker {number} finds nothing", with_worker(world, number, "asleep")
        for job, record in enumerate(world.memory.records):
            if is_ready(record):
                yield f"worker {number} claims job {job}", self._claim(world, number, job)

    def _claim(self, world: World, number: int, job: int) -> World:
        record = record_of(world, job)
        attempts = min(record.attempts + 1, 2)
        if attempts == 1:
            world = self._note_life(world)
            record = record_of(world, job)
        looks = attempts > 1 or record.is_covered
        claimed = Record("running", number, attempts, is_covered=record.is_covered and attempts == 1)
        work = Work(job, looks)
        return with_worker(with_record(world, job, claimed), number, work)

    def _note_life(self, world: World) -> World:
        """Let Redis note, at a first attempt, that it is another run than the one that it noted last."""
        memory = world.memory
        if memory.life == "this":
            return world
        is_known = memory.life == "earlier" or self.rules.takes_no_life_for_a_restart
        is_wary = is_known and self.rules.is_wary_after_a_restart
        records = tuple(record and record._replace(is_covered=is_wary) for record in memory.records)
        return world._replace(memory=memory._replace(records=records, life="this", is_wary=is_wary))

    def _go_on(self, world: World, number: int, work: Work) -> Iterator[Step]:
        if work.step == "claimed":
            refused = self._settle(world, number, Record("refused"))
            yield f"worker {number} refuses job {work.job}", refused
        if work.step == "claimed" and work.looks:
            found = work._replace(step="found" if world.events[work.job] else "not found")
            yield f"worker {number} looks for the event of job {work.job}", with_worker(world, number, found)
        elif work.step in ("made", "found"):
            yield (
                f"worker {number} settles job {work.job} as done",
                self._settle(world, number, Record("done")),
            )
        elif work.step == "not begun":
            yield f"worker {number} defers job {work.job}", self._put_off(world, number, is_counted=False)
        elif work.step == "cut":
            is_counted = self.rules.counts_cut_attempts
            yield (
                f"worker {number} puts job {work.job} off",
                self._put_off(world, number, is_counted=is_counted),
            )
        elif self._proves(world, number, work):
            made = with_worker(make_event(world, work), number, work._replace(step="made"))
            yield f"worker {number} makes the event of job {work.job}", made
        else:
            yield f"worker {number} has lost job {work.job}", self._put_off(world, number, is_counted=True)

    def _fail(self, world: World, number: int, work: Work) -> Iterator[Step]:
        if work.step in ("claimed", "not found"):
            away = with_worker(world, number, work._replace(step="not begun"))
            yield f"ThreatQ is away before worker {number} begins", away
        if is_about_to_make(work) and self._proves(world, number, work):
            cut = with_worker(make_event(world, work), number, work._replace(step="cut"))
            yield f"worker {number} makes the event of job {work.job} and gets no answer", cut

    def _proves(self, world: World, number: int, work: Work) -> bool:
        if not self.rules.proves_its_lease:
            return True
        if self.rules.proof_ends_with_redis and not work.is_of_this_life:
            return False
        return is_holder(world, number, work)

    def _put_off(self, world: World, number: int, *, is_counted: bool) -> World:
        work = world.workers[number]
        assert isinstance(work, Work)
        record = world.memory.records[work.job]
        if record is None:
            return let_go(world, number, "awake")
        attempts = record.attempts if is_counted else max(record.attempts - 1, 0)
        return self._settle(world, number, record._replace(state="open", holder=None, attempts=attempts))

    def _settle(self, world: World, number: int, record: Record) -> World:
        work = world.workers[number]
        assert isinstance(work, Work)
        if is_holder(world, number, work) or not self.rules.settles_only_what_it_holds:
            world = with_record(world, work.job, record)
        return let_go(world, number, "awake")


def make_event(world: World, work: Work) -> World:
    """Make one more event of a job; that is blind where there was one and none was looked for."""
    is_blind = world.is_blind or (world.events[work.job] > 0 and not work.looks)
    events = put(world.events, work.job, min(world.events[work.job] + 1, 2))
    return world._replace(events=events, is_blind=is_blind)


def is_about_to_make(work: Work) -> bool:
    """Tell whether the next thing that this worker does is to make the event."""
    return work.step == "not found" or (work.step == "claimed" and not work.looks)


def come_back(world: World) -> World:
    """Let a new run of Redis, or a replica, take over with what it has."""
    memory = world.disk._replace(life="earlier" if world.disk.life else "")
    workers = tuple(
        worker._replace(is_of_this_life=False) if isinstance(worker, Work) else worker
        for worker in world.workers
    )
    return world._replace(memory=memory, disk=memory, workers=workers)


def is_ready(record: Record | None) -> bool:
    """Tell whether a job may be claimed: one that waits, or whose lease may have ended."""
    return record is not None and record.state in ("open", "running")


def is_holder(world: World, number: int, work: Work) -> bool:
    """Tell whether the lease of a job is that of this worker's claim."""
    record = world.memory.records[work.job]
    return record is not None and record.holder == number


def let_go(world: World, number: int, worker: Worker) -> World:
    """Let a worker have its claim no longer: whatever Redis still notes of that, no other claim will match."""

    def scrubbed(memory: Memory) -> Memory:
        records = tuple(
            record._replace(holder=None) if record and record.holder == number else record
            for record in memory.records
        )
        return memory._replace(records=records)

    world = with_worker(world, number, worker)
    return world._replace(memory=scrubbed(world.memory), disk=scrubbed(world.disk))


def put(values: tuple[int, ...], place: int, value: int) -> tuple[int, ...]:
    """Return `values` with another one in a place."""
    return (*values[:place], value, *values[place + 1 :])


def record_of(world: World, job: int) -> Record:
    """Return the record of a job that Redis knows."""
    record = world.memory.records[job]
    assert record is not None
    return record


def with_sender(world: World, job: int, sender: Sender) -> World:
    """Return the world with a sender that knows something else."""
    return world._replace(senders=(*world.senders[:job], sender, *world.senders[job + 1 :]))


def with_wake_up(world: World, *, waits: bool) -> World:
    """Return the world with a wake-up that waits, or without."""
    return world._replace(memory=world.memory._replace(wake_up=waits))


def with_record(world: World, job: int, record: Record) -> World:
    """Return the world with another record of a job in Redis' memory."""
    records = world.memory.records
    changed = (*records[:job], record, *records[job + 1 :])
    return world._replace(memory=world.memory._replace(records=changed))


def with_worker(world: World, number: int, worker: Worker) -> World:
    """Return the world with a worker that does something else."""
    return world._replace(workers=(*world.workers[:number], worker, *world.workers[number + 1 :]))
