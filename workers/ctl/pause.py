"""`tqctl pause`: nothing of a queue is worked on until it is resumed, whichever workers start meanwhile."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from workers.ctl.control import queues_by_worker, stop_consuming
from workers.ctl.shell import Shell
from workers.jobs import QUEUES

#: The queues that can be paused. Without upkeep nothing would be rung for again.
PAUSABLE = tuple(queue for queue in QUEUES if queue != "upkeep")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("queue", choices=PAUSABLE)


def run(shell: Shell, options: Namespace) -> int:
    """Pause a queue: in the ledger, which all workers obey at once, and then at the workers themselves."""
    queue: str = options.queue
    shell.desk.pause(queue)
    workers = [name for name, queues in queues_by_worker(shell.settings.redis_url).items() if queue in queues]
    if workers:
        shell.desk.pause(queue, workers=workers)
        stop_consuming(shell.settings.redis_url, queue, workers)
    jobs = shell.desk.open_jobs()[queue]
    shell.show(
        {"queue": queue, "paused": True, "workers": workers, "open": jobs},
        lambda v: [
            f"{queue} is paused ({v['open']} open jobs wait, new ones are accepted); workers told: "
            f"{', '.join(workers) or 'none is running'}",
            f"What is being worked on just now is finished. tqctl resume {queue} goes on.",
        ],
    )
    return 0
