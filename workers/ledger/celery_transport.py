"""Celery's Redis transport, with one difference: its own small writes go through while Redis is out of memory.

Wake-ups, what is not acknowledged yet, bindings of queues and answers to remote control take a few kB in all. Without
them no worker is woken, one that starts ends at once, and the work that would free memory is never done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis import Redis
from redis.exceptions import OutOfMemoryError

from workers.ledger.scripts import WHEN_FULL
from workers.ledger.small_writes import SMALL_WRITES, words_of


def _write_when_full(client: Redis, commands: Sequence[Sequence[Any]]) -> list[Any]:
    untyped: Any = client
    answers: list[Any] = untyped.execute_command("EVAL", SMALL_WRITES.text, 0, *words_of(commands))
    return answers


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
    """kombu's client, which sends a write again as a script where Redis is out of memory."""

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
    """A channel over one Redis: with the client above, and kombu's own scripts with the same permission."""

    def _get_client(self) -> Any:
        return partial(WhenFullRedis, global_keyprefix=self.global_keyprefix)

    @cached_property
    def _refresh_binding(self) -> Any:
        return self._create_client().register_script(WHEN_FULL + kombu_redis.REFRESH_BINDING)


class WhenFullSentinelChannel(WhenFullChannel, kombu_redis.SentinelChannel):
    """A channel over the primary that Sentinels name."""


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
