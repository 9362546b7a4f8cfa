"""What Celery's remote control tells about the workers, and what it tells them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from celery import Celery
from celery.app.control import Control
from celery.exceptions import OperationalError

from workers.errors import ServiceAway
from workers.ledger.connect import for_celery
from workers.ledger.keys import CELERY_PREFIX
from workers.ledger.ledger import answering

#: Seconds that workers get to answer; all that live answer within a few milliseconds.
ANSWER_S = 0.7


def remote_control(redis_url: str) -> Control:
    """Return Celery's control over the workers at a Redis, whatever this process itself is configured for."""
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
    """Return the queues that each living worker consumes; raises ServiceAway("redis")."""
    with _asking():
        answers = remote_control(redis_url).inspect(timeout=ANSWER_S).active_queues() or {}
    return {name: sorted(queue["name"] for queue in queues) for name, queues in sorted(answers.items())}


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
