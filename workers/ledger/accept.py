"""How every producer has jobs accepted: a protocol of commands and answers, without any client library.

A flow yields the commands that it wants sent together and is given their answers. The Smart Response stubs send them
over a bare socket, the command line and the bridge through redis-py, the HTTP entry point through its asyncio client.
"""

from __future__ import annotations

from itertools import groupby

from workers.core.errors import BatchTooLarge, Busy, MemoryFull, ServiceAway
from workers.core.jobs import MOST_BODY, Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any, TypeVar

    from workers.core.errors import SlowedDown
    from workers.ledger.scripts import Script

    Word = str | bytes | int | float

    #: Yields commands that go out together over one connection, takes their answers, returns what they mean. The
    #: answer to a script that Redis does not know is `NO_SCRIPT`; every other error ends the flow.
    Flow = Generator[list[tuple[Word, ...]], list[Any], "T"]

    T = TypeVar("T")

#: The function of Redis that accepts for a user who may call no script; the number changes with what a call holds.
FUNCTION = "tq_accept_1"

#: The answer of a Redis that does not know a script, or no longer after a restart; or the function, or may not call it.
NO_SCRIPT = object()

#: Characters of a job's title that are kept for lists of jobs; the arguments hold it whole.
MOST_TITLE = 200

#: zlib's level: 1 is three times as fast as the default and one tenth larger on the guide's payload.
COMPRESSION = 1

#: Percent of Redis' maxmemory above which nothing is accepted, long before Redis itself refuses to write.
MOST_MEMORY_PERCENT = 70.0

#: The script's verdict on a job whose sender is slowed down.
_SLOWED = -2

#: Heads of records that are remembered, as jobs that came together share one.
_MOST_HEADS = 64

#: Seconds after which a producer that was refused shall come again.
COME_AGAIN_S = 30.0

#: What a Redis that does not write is said to be; the stubs tell it by the first word of its error.
READ_ONLY = "this Redis is a replica and takes no writes; name the primary in TQ_REDIS_URL, or sentinel://HOST:26379/0?master=NAME"

#: What is said where neither the function nor a script can be called.
NO_FUNCTION = (
    f"Redis does not know the function {FUNCTION}, through which our user accepts jobs: start a worker of the queue "
    "upkeep, which loads it (tqctl check says more)"
)


class Accepted:
    """The ledger's answer for one job.

    `id` is the first job's where `created` is False. `conflict`: the sender's key was used before, for
    something else; nothing was accepted. `slowed`: nothing either, since nothing is from its sender for a while.
    `state`, `event_id` and `link` are the first job's where its content is no longer kept, else "", 0 and "".
    """

    __slots__ = ("conflict", "created", "event_id", "id", "link", "slowed", "state")

    def __init__(
        self,
        job_id: str,
        *,
        created: bool,
        conflict: bool = False,
        state: str = "",
        event_id: int = 0,
        slowed: SlowedDown | None = None,
    ) -> None:
        self.id = job_id
        self.created = created
        self.conflict = conflict
        self.state, self.event_id, self.link = state, event_id, ""
        self.slowed = slowed


class Replicas:
    """How many replicas must confirm what accept wrote, and the ms that they get for it."""

    __slots__ = ("count", "within_ms")

    def __init__(self, count: int = 0, within_ms: int = 500) -> None:
        self.count, self.within_ms = count, within_ms

    def check(self, confirmed: int) -> None:
        """Raise ServiceAway where fewer than `count` replicas have confirmed."""
        if confirmed < self.count:
            raise ServiceAway(
                "redis",
                f"{confirmed} of {self.count} replicas confirmed within {self.within_ms} ms; send the same again, it "
                "makes no second job. Do the replicas run? (TQ_ACCEPT_REPLICAS)",
                after=1.0,
            )


#: Redis without replicas, or with replicas that no producer waits for.
NO_REPLICAS = Replicas()


def _link(answers: Sequence[Accepted]) -> Flow[None]:
    """Give each answer the address of its event."""
    from workers.core.text import linked
    from workers.ledger import keys

    (pattern,) = yield [("GET", keys.EVENT_LINK)]
    for answer in answers:
        answer.link = linked(pattern, answer.event_id)


def _zlib(data: bytes) -> bytes:
    import zlib

    return zlib.compress(data, COMPRESSION)


class Acceptance:
    """On which terms jobs are accepted: how many a queue may hold, how full Redis may be, which replicas confirm.

    So many `relief_jobs` may be open in a queue however full Redis is: for what moves payloads from elsewhere in the
    same Redis, which frees more than it takes. `compress` makes of a job's arguments what is stored;
    `records.read_body` must read it. `by_function`: by the function that Redis has for users who may do nothing else,
    where it has one.
    """

    __slots__ = ("by_function", "compress", "most_memory_percent", "most_open", "relief_jobs", "replicas")

    def __init__(
        self,
        *,
        most_open: int = 100_000,
        most_memory_percent: float = MOST_MEMORY_PERCENT,
        relief_jobs: int = 0,
        replicas: Replicas = NO_REPLICAS,
        compress: Callable[[bytes], bytes] = _zlib,
        by_function: bool = False,
    ) -> None:
        self.by_function = by_function
        self.most_open, self.most_memory_percent = most_open, most_memory_percent
        self.relief_jobs = relief_jobs
        self.replicas, self.compress = replicas, compress

    def flow(self, jobs: Sequence[Job], *, atomic: bool = False, apart: bool = False) -> Flow[list[Accepted]]:
        """Accept `jobs`, those of one queue all or none; for no jobs, ask whether an event would be accepted.

        `atomic`: where one's key was used before for something else, that one is the whole answer of its queue, and
        nothing is accepted. `apart`: where nothing is accepted from a sender, the answers of its jobs tell that, and
        the others are accepted; else SlowedDown is raised. Raises Busy when a queue holds too many open jobs, or
        Redis too much; BatchTooLarge for more jobs of a queue than it may ever hold; ServiceAway when too few
        replicas confirm: the jobs may be there all the same, and accepting them again makes no second one.
        """
        answers: list[Accepted] = []
        for _, group in groupby(jobs, key=lambda job: job.kind.queue) if jobs else [("", ())]:
            together = list(group)
            answers += yield from self._one_queue(together, atomic=atomic)
        if not apart:
            check_slowed(answers)
        if any(answer.event_id for answer in answers):
            yield from _link(answers)
        return answers

    def _one_queue(self, jobs: Sequence[Job], *, atomic: bool) -> Flow[list[Accepted]]:
        if len(jobs) > self.most_open:
            raise BatchTooLarge(
                f"{len(jobs)} at once, and a queue may hold {self.most_open} open jobs (TQ_MAX_OPEN_JOBS): this is "
                "never accepted; send smaller batches"
            )
        if (largest := max((len(job.body) for job in jobs), default=0)) > MOST_BODY:
            raise BatchTooLarge(
                f"a job of {largest} bytes is never accepted: {MOST_BODY} are what a worker reads"
            )
        # Redis counts only what the connection itself wrote, so WAIT goes out with the script.
        replicas = self.replicas
        wait = [("WAIT", replicas.count, replicas.within_ms)] if replicas.count else []
        try:
            row, *confirmed = yield from self._answers(jobs, wait, atomic=atomic)
            answers = read_answer(row, jobs)
        except MemoryFull as error:
            from workers.ledger.fullness import explained

            raise (yield from explained(error)) from error
        replicas.check(confirmed[0] if confirmed else 0)
        return answers

    def _answers(
        self, jobs: Sequence[Job], wait: Sequence[tuple[Word, ...]], *, atomic: bool
    ) -> Flow[list[Any]]:
        """Ask the function, or the script where that is meant or the function is not there."""
        answers: list[Any] = [NO_SCRIPT]
        if self.by_function and jobs:
            answers = yield [self._call(jobs), *wait]
        if answers[0] is NO_SCRIPT:
            from workers.ledger.accept_script import opening

            limits = (*self._limits, self.relief_jobs)
            script, names, first = opening(queue_of(jobs), *limits, atomic=atomic)
            answers = yield from script_flow(script, names, [*first, *self._rows(jobs)], then=wait)
        return answers

    def _call(self, jobs: Sequence[Job]) -> tuple[Word, ...]:
        """Return the call of the function for `jobs`, which share one queue."""
        return ("FCALL", FUNCTION, 0, queue_of(jobs), *self._limits, *self._rows(jobs))

    @property
    def _limits(self) -> tuple[int, int]:
        """The most open jobs, and the most memory in thousandths."""
        return self.most_open, int(self.most_memory_percent * 10)

    def _rows(self, jobs: Sequence[Job]) -> list[Word]:
        rows: list[Word] = []
        for job in jobs:
            counter = f"accepted:{job.kind.name}:{job.producer}"
            record = record_of(job, self.compress)
            rows += (job.id, record, counter, job.digest, job.key, job.key_window_s * 1000)
        return rows


def script_flow(
    script: Script,
    names: Sequence[Word],
    arguments: Sequence[Word],
    *,
    then: Sequence[tuple[Word, ...]] = (),
) -> Flow[list[Any]]:
    """Run a script by its digest, by its text where Redis does not know it; `then` follows on the same connection.

    Returns the answers, the script's first.
    """
    rest = (len(names), *names, *arguments)
    answers = yield [("EVALSHA", script.sha, *rest), *then]
    if answers[0] is NO_SCRIPT:
        answers = yield [("EVAL", script.text, *rest), *then]
    return answers


def is_unknown(error: str) -> bool:
    """Tell whether Redis knows our script or function not, or our user may not call the function."""
    return error.startswith("NOSCRIPT") or "Function not found" in error or "'fcall'" in error.lower()


def is_without_function(error: str) -> bool:
    """Tell whether a user who may accept through the function alone was refused a script, as Redis lacks it."""
    return "'evalsha'" in error.lower()


def drive(flow: Flow[T], send: Callable[[list[tuple[Word, ...]]], list[Any]]) -> T:
    """Send what a flow asks for until it ends, and return what it returns; it is told of a Redis that refuses."""
    try:
        commands = next(flow)
        while True:
            try:
                answers = send(commands)
            except ServiceAway as error:
                commands = flow.throw(error)
            else:
                commands = flow.send(answers)
    except StopIteration as end:
        result: T = end.value
        return result


def queue_of(jobs: Sequence[Job]) -> str:
    """Return the queue that `jobs` share; that of events where there are none."""
    return jobs[0].kind.queue if jobs else "events"


def record_of(job: Job, compress: Callable[[bytes], bytes] = _zlib) -> bytes:
    """Return what the ledger keeps of a job and never changes: five lines and the compressed arguments.

    Accept puts one line before them: the time in ms of Redis's clock.
    """
    head = _head(job.kind.name, job.kind.queue, f"{job.producer} {job.sender}", job.trace)
    title = f"{_line(job.title[:MOST_TITLE])}\n".encode("utf-8", "backslashreplace")
    return head + title + compress(job.body)


#: Those heads; `functools`, whose cache would do the same, costs a stub 2 ms each click.
_heads: dict[tuple[str, ...], bytes] = {}


def _head(*lines: str) -> bytes:
    """Return what jobs that came together share of their records."""
    head = _heads.get(lines)
    if head is None:
        if len(_heads) >= _MOST_HEADS:
            _heads.clear()
        head = "".join(f"{_line(line)}\n" for line in lines).encode("utf-8", "backslashreplace")
        _heads[lines] = head
    return head


def _line(text: str) -> str:
    return " ".join(text.split())


def read_answer(answer: Any, jobs: Sequence[Job]) -> list[Accepted]:
    """Read the answer of script or function: what became of each of `jobs`.

    A single answer for several jobs names the one for which all were refused. Raises Busy where the queue holds
    too many open jobs, or Redis too much.
    """
    what = answer[0] if answer else b""
    if what == b"full":
        from workers.ledger.fullness import full

        raise MemoryFull("redis", full(answer[1], "nothing is accepted"), after=COME_AGAIN_S)
    if what == b"busy":
        raise Busy(
            "redis",
            f"{int(answer[1])} jobs of the queue {queue_of(jobs)} are open and {int(answer[2])} are allowed. Are the "
            "workers running? (tqctl status)",
            after=COME_AGAIN_S,
        )
    if what == b"reused":
        return [Accepted(answer[1].decode(), created=False, conflict=True)]
    accepted = [Accepted(job.id, created=True) for job in jobs]
    for place, job_id, verdict, state, number in answer:
        if verdict == _SLOWED:
            accepted[place] = _slowed(jobs[place], state, number)
            continue
        accepted[place] = Accepted(
            job_id.decode(),
            created=False,
            conflict=verdict == -1,
            state=state.decode(),
            event_id=number,
        )
    return accepted


def _slowed(job: Job, kept: bytes, now_ms: int) -> Accepted:
    from workers.ledger.senders import sender_name, slowed_down

    name = sender_name(job.producer, job.sender)
    return Accepted(job.id, created=False, slowed=slowed_down(name, kept, now_ms))


def check_slowed(answers: Sequence[Accepted]) -> None:
    """Raise SlowedDown where one of the answers tells it."""
    for answer in answers:
        if answer.slowed:
            raise answer.slowed
