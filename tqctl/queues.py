"""`tqctl pause` and `tqctl resume`, and what Celery's remote control tells of the workers."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import Celery
from celery.app.control import Control
from celery.exceptions import OperationalError

from tqctl.shell import Shell
from workers.core.errors import ServiceAway
from workers.core.jobs import PAUSABLE
from workers.ledger import celery_transport
from workers.ledger.connection import answering, for_celery
from workers.ledger.keys import CELERY_PREFIX

#: Seconds that workers get to answer; all that live answer within a few milliseconds.
ANSWER_S = 0.7


def remote_control(redis_url: str) -> Control:
    """Return Celery's control over the workers at a Redis, whatever this process itself is configured for."""
    celery_transport.register()
    url, options = for_celery(redis_url)
    asking = Celery("tqctl", broker=url, set_as_current=False)
    asking.conf.broker_transport_options = {
        "global_keyprefix": CELERY_PREFIX,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        **options,
    }
    return asking.control


def queues_by_worker(redis_url: str) -> dict[str, list[str]]:
    """Return the queues that each living worker consumes; raises ServiceAway("redis").

    Returns once all that listen have answered, and waits `ANSWER_S` only for one that does not.
    """
    control = remote_control(redis_url)
    with _asking():
        count = listening(control)
        answers = control.inspect(timeout=ANSWER_S, limit=count).active_queues() if count else None
    answers = answers or {}
    return {name: sorted(queue["name"] for queue in queues) for name, queues in sorted(answers.items())}


def listening(control: Control) -> int:
    """Return how many workers hear what is asked of all: Redis counts them for an empty message, which each ignores."""
    with control.app.connection_for_write() as connection:
        channel = connection.default_channel
        return int(channel.client.publish(f"{channel.keyprefix_fanout}{control.mailbox.exchange.name}", ""))


def stop_consuming(redis_url: str, queue: str, workers: Sequence[str]) -> None:
    """Tell `workers` to leave `queue` alone; raises ServiceAway("redis")."""
    with _asking():
        remote_control(redis_url).cancel_consumer(
            queue, destination=list(workers), reply=True, timeout=ANSWER_S
        )


def start_consuming(redis_url: str, queue: str, workers: Sequence[str]) -> None:
    """Tell `workers` to consume `queue` again; one that does already, or lives no more, is no error."""
    with _asking():
        remote_control(redis_url).add_consumer(queue, destination=list(workers), reply=True, timeout=ANSWER_S)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        with answering():
            yield
    except OperationalError as error:
        raise ServiceAway("redis", f"the workers cannot be asked: {error}") from error


def pause_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run_pause)
    parser.add_argument("queue", choices=PAUSABLE)
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="why, for those whose jobs wait meanwhile"
    )


def run_pause(shell: Shell, options: Namespace) -> int:
    """Pause a queue: in the ledger, which all workers obey at once, and then at the workers themselves."""
    queue: str = options.queue
    shell.admin.pause(queue, reason=options.reason)
    workers = [name for name, queues in queues_by_worker(shell.settings.redis_url).items() if queue in queues]
    if workers:
        shell.admin.pause(queue, reason=options.reason, workers=workers)
        stop_consuming(shell.settings.redis_url, queue, workers)
    jobs = shell.admin.open_jobs()[queue]
    shell.show(
        {"queue": queue, "paused": True, "workers": workers, "open": jobs},
        lambda v: [
            f"{queue} is paused ({v['open']} open jobs wait, new ones are accepted); workers told: "
            f"{', '.join(workers) or 'none is running'}",
            f"What is being worked on just now is finished. tqctl resume {queue} goes on.",
            *(
                []
                if options.reason
                else ["Those who wait are told who paused it; with --reason TEXT also why."]
            ),
        ],
    )
    return 0


def resume_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run_resume)
    parser.add_argument("queue", choices=PAUSABLE)


def run_resume(shell: Shell, options: Namespace) -> int:
    """Resume a queue and wake what waits in it."""
    queue: str = options.queue
    workers = shell.admin.resume(queue)
    if workers:
        start_consuming(shell.settings.redis_url, queue, workers)
    shell.ledger.wake(queue)
    jobs = shell.admin.open_jobs()[queue]
    shell.show(
        {"queue": queue, "paused": False, "workers": workers, "open": jobs},
        lambda v: [f"{queue} goes on; {v['open']} open jobs wait"],
    )
    return 0
