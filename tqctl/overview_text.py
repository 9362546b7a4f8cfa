"""Queues and workers as tables for a terminal: `tqctl status` and `tqctl top` show the same."""

from __future__ import annotations

from collections.abc import Iterator

from producers.cli.tables import Grid
from workers.core.text import age, counted
from workers.ledger.overview import Overview, Queue
from workers.ledger.signs import Worker, shared_names

_QUEUE = ("queue", "open", "ready", "running", "deferred", "oldest", "state")
_WORKER = ("worker", "queues", "threads", "version", "last sign", "in hand")

#: Characters of a job's id that tell it from the few others on the screen.
_SHORT_ID = 12


def queue_grid(state: Overview) -> Grid:
    """Return the queues, a row each."""
    numbers = _QUEUE[1:5]
    return Grid("Queues", _QUEUE, [_queue(queue) for queue in state.queues], numbers=numbers)


def _queue(queue: Queue) -> list[str]:
    counts = (queue.open, queue.ready, queue.running, queue.deferred)
    oldest = age(queue.oldest_s) if queue.open else ""
    return [queue.name, *map(str, counts), oldest, queue.standing.state]


def standings(state: Overview) -> Iterator[str]:
    """Say of each queue that does not work why, except where another line of the status says it."""
    said_elsewhere = ("paused", "service away", "waits", "needs a newer worker")
    for queue in state.queues:
        if queue.standing.why and queue.standing.state not in said_elsewhere:
            yield f"{queue.name}: {queue.standing.why}"


def worker_grid(state: Overview, *, narrow: bool = False) -> Grid:
    """Return the workers, a row each, those too that fell silent in the last minutes.

    `narrow` leaves out threads and version.
    """
    nothing = "none has given a sign of life; is one running?"
    places = (0, 1, 4, 5) if narrow else range(len(_WORKER))
    rows = [_worker(worker) for worker in state.alive]
    picked = [[row[place] for place in places] for row in rows]
    return Grid("Workers", tuple(_WORKER[place] for place in places), picked, nothing, ("threads",))


def _worker(worker: Worker) -> list[str]:
    sign = worker.sign
    seen = f"silent for {age(worker.silent_s)}" if worker.is_silent else f"{age(worker.silent_s)} ago"
    return [sign.name, ", ".join(sign.queues), str(sign.threads), sign.version, seen, in_hand(worker)]


def in_hand(worker: Worker) -> str:
    """Say what a worker has in hand: how many jobs, and the oldest of them."""
    count = sum(worker.sign.in_hand.values())
    if not count or not worker.sign.jobs:
        return "nothing" if not count else counted(count, "job")
    oldest = worker.sign.jobs[0]
    shown = f"{oldest.kind} {oldest.id[:_SHORT_ID]} for {age(oldest.age_s)}"
    return shown if count == 1 else f"{counted(count, 'job')}, the oldest: {shown}"


def doubles(state: Overview) -> Iterator[str]:
    """Warn of names that several workers have."""
    for name in shared_names(state.alive):
        yield f"several workers are named {name}: give each a name of its own (celery worker -n NAME@%h)"
