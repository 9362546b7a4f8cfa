"""`tqctl resume`: go on with a paused queue."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from workers.ctl.control import start_consuming
from workers.ctl.pause import PAUSABLE
from workers.ctl.shell import Shell


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("queue", choices=PAUSABLE)


def run(shell: Shell, options: Namespace) -> int:
    """Resume a queue and ring for what waits in it."""
    queue: str = options.queue
    workers = shell.desk.resume(queue)
    if workers:
        start_consuming(shell.settings.redis_url, queue, workers)
    shell.ledger.ring(queue)
    jobs = shell.desk.open_jobs()[queue]
    shell.show(
        {"queue": queue, "paused": False, "workers": workers, "open": jobs},
        lambda v: [f"{queue} goes on; {v['open']} open jobs wait"],
    )
    return 0
