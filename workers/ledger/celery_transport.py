"""Celery's Redis transport, with three differences.

What lies on a queue's key and is no message goes to the quarantine. kombu would raise in the worker's loop, past every
hook of Celery's (`on_decode_error` sees only what kombu has read), and end the worker after the message is gone. The
answer of BRPOP is the one place where its bytes and its key are both still there, and where "nothing came" is an
answer that kombu knows.

A wake-up may be taken over before it becomes a task, by a loop that waits for one (workers/tasks/lingering.py).

Its own small writes go through while Redis is out of memory.

Wake-ups, what is not acknowledged yet, bindings of queues and answers to remote control take a few kB in all. Without
them no worker is woken, one that starts ends at once, and the work that would free memory is never done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import structlog
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis import Redis
from redis.exceptions import OutOfMemoryError, RedisError

from workers.core.errors import ServiceAway
from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.celery_messages import read_wake_up, why_no_entry, why_unreadable
from workers.ledger.quarantine import Quarantine, QuarantineLimits, Unreadable
from workers.ledger.scripts import WHEN_FULL
from workers.ledger.small_writes import SMALL_WRITES, words_of
from workers.ledger.wake_up import FOR_MANY

log = structlog.get_logger(__name__)

#: Bytes of what is no message that are kept; of a longer one, its beginning.
MOST_BYTES = 1 << 20


#: By queue, what may take a wake-up over, and so keep it from Celery; it is told whether that stands for many jobs.
WAKE_UP_TAKERS: dict[str, Callable[..., bool]] = {}


def _is_taken(queue: str, raw: bytes) -> bool:
    """Offer a wake-up to what takes those of its queue; tell whether it is taken."""
    take = WAKE_UP_TAKERS.get(queue)
    wake_up = read_wake_up(raw, queue) if take else None
    return bool(take and wake_up and take(for_many=wake_up.id.startswith(FOR_MANY)))


def _write_when_full(client: Redis, commands: Sequence[Sequence[Any]]) -> list[Any]:
    untyped: Any = client
    answers: list[Any] = untyped.execute_command("EVAL", SMALL_WRITES.text, 0, *words_of(commands))
    return answers


def set_aside(client: Any, key: str, raw: bytes, why: str, limits: QuarantineLimits) -> None:
    """Keep in the quarantine what lay on `key` and is no message; where that has no room, only the log tells of it."""
    cut = f" Of {len(raw)} bytes the first {MOST_BYTES} are kept." if len(raw) > MOST_BYTES else ""
    reason = (
        f"it lay on {key} and is no Celery message ({why}). Payloads belong on {keys.INGEST_RPUSH} with RPUSH or on "
        f"{keys.INGEST_LPUSH} with LPUSH; a Celery client sends the task jobs.accept.{cut}"
    )
    item = Unreadable("celery", key, "no_celery_message", reason, raw[:MOST_BYTES])
    try:
        Quarantine(client, limits).keep([item])
    except (ServiceAway, RedisError) as error:
        log.error("no Celery message, lost", source=key, size=len(raw), reason=reason, not_kept=str(error))
    else:
        log.warning("no Celery message, quarantined", source=key, item=item.id, reason=reason)


class CarefulQoS(kombu_redis.QoS):
    """Puts back on their queues what killed workers had taken; what is no message goes to the quarantine.

    kombu would raise in the worker's loop, at the same entry again and again, and never come to those behind it.
    """

    def restore_visible(self, start: int = 0, num: int = 10, interval: int = 10) -> None:
        """Put back what is due, where this process takes work: Flower only listens, and may not see a message."""
        if any(queue in QUEUES for queue in self.channel.active_queues):
            super().restore_visible(start, num, interval)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put back what was taken under `tag`; raises what Redis answers."""
        with self.channel.conn_or_acquire(client) as redis:
            raw = redis.hget(self.unacked_key, tag)
            if raw is None or not (why := why_no_entry(raw)):
                super().restore_by_tag(tag, redis, leftmost)
                return
            key = redis.global_keyprefix + self.unacked_key
            plain = Redis(connection_pool=redis.connection_pool)
            set_aside(plain, key, raw, why, redis.quarantine_limits)
            self._remove_from_indices(tag, redis.pipeline()).execute()


class WhenFullPipeline(kombu_redis.PrefixedRedisPipeline):
    """A pipeline that is sent again as one script where Redis is out of memory; then it watches no keys.

    Without the watch a wake-up may be put back twice, which does no harm.
    """

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Carry out what was gathered; raises what Redis answers."""
        commands = [words for words, _ in self.command_stack]
        try:
            answers: list[Any] = super().execute(raise_on_error)
        except OutOfMemoryError:
            return _write_when_full(Redis(connection_pool=self.connection_pool), commands)
        return answers


class WhenFullRedis(kombu_redis.PrefixedStrictRedis):
    """kombu's client: takes only messages, and sends a write again as a script where Redis is out of memory."""

    def __init__(self, *words: Any, quarantine_limits: Mapping[str, Any], **options: Any) -> None:
        self.quarantine_limits = QuarantineLimits(**quarantine_limits)
        super().__init__(*words, **options)

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """Return Redis' answer; what BRPOP took and is no message is set aside, as if nothing had come.

        So is a wake-up that is taken over.
        """
        answer = super().parse_response(connection, command_name, **options)
        if command_name != "BRPOP" or not answer:
            return answer
        key, raw = answer
        # Priorities follow the name; other lists hold answers to remote control, which name no task.
        queue = key.decode().partition(kombu_redis.Channel.sep)[0]
        if _is_taken(queue, raw):
            return None
        why = why_unreadable(raw) if queue in QUEUES else ""
        if not why:
            return answer
        plain = Redis(connection_pool=self.connection_pool)
        set_aside(plain, self.global_keyprefix + key.decode(), raw, why, self.quarantine_limits)
        return None

    def execute_command(self, *words: Any, **options: Any) -> Any:
        """Carry out one command; raises what Redis answers."""
        try:
            return super().execute_command(*words, **options)
        except OutOfMemoryError:
            return _write_when_full(self, [self._prefix_args(words)])[0]

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> WhenFullPipeline:
        """Return a pipeline of the same kind."""
        return WhenFullPipeline(
            self.connection_pool,
            self.response_callbacks,
            transaction,
            shard_hint,
            global_keyprefix=self.global_keyprefix,
        )


class WhenFullChannel(kombu_redis.Channel):
    """A channel over one Redis: with what is above, and kombu's own scripts with the same permission."""

    QoS = CarefulQoS

    #: A transport option: how much the quarantine may hold. What is set aside lay in the same Redis before.
    quarantine_limits: Mapping[str, Any] = MappingProxyType({"memory_percent": None})
    from_transport_options: Any = (*kombu_redis.Channel.from_transport_options, "quarantine_limits")

    def _get_client(self) -> Any:
        return partial(
            WhenFullRedis, global_keyprefix=self.global_keyprefix, quarantine_limits=self.quarantine_limits
        )

    @cached_property
    def _refresh_binding(self) -> Any:
        return self._create_client().register_script(WHEN_FULL + kombu_redis.REFRESH_BINDING)


class WhenFullSentinelChannel(WhenFullChannel, kombu_redis.SentinelChannel):
    """A channel over the primary that Sentinels name."""

    from_transport_options: Any = (*kombu_redis.SentinelChannel.from_transport_options, "quarantine_limits")


class WhenFullTransport(kombu_redis.Transport):
    """kombu's transport for redis:// and rediss://."""

    Channel = WhenFullChannel


class WhenFullSentinelTransport(kombu_redis.SentinelTransport):
    """kombu's transport for sentinel://."""

    Channel = WhenFullSentinelChannel


def register() -> None:
    """Let every Celery connection of this process go through the transports above, by the URLs that it has anyway."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{WhenFullTransport.__name__}"
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:{WhenFullSentinelTransport.__name__}"
