"""What Celery's remote control tells about the workers, and what it tells them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.app import remote_control
from workers.errors import ServiceAway

#: Seconds that workers get to answer; all that live answer within a few milliseconds.
ANSWER_S = 0.7


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
        yield
    except (OperationalError, RedisError, OSError) as error:
        raise ServiceAway("redis", f"the workers cannot be asked: {error}") from error
