"""A connection to the ledger's Redis in which nothing blocks for ever."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis
from redis import Redis, Sentinel, exceptions
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import Sentinel as AsyncSentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ConstantBackoff
from redis.client import Pipeline
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from workers.core.errors import ConfigError, MemoryFull, ServiceAway
from workers.core.urls import shown_url
from workers.ledger.accept import (
    COME_AGAIN_S,
    NO_FUNCTION,
    NO_SCRIPT,
    READ_ONLY,
    drive,
    is_unknown,
    is_without_function,
    script_flow,
)
from workers.ledger.client import RedisClient, RedisRefusal, Reply
from workers.ledger.fullness import OUT_OF_MEMORY
from workers.ledger.scripts import Script

if TYPE_CHECKING:
    from workers.ledger.accept import Flow, T, Word

#: Seconds to connect, and to wait for an answer. Without them a half-open link holds a process for ever.
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 1.0, 5.0

#: Seconds within which the asyncio client has answered or given up, for senders wait. It tries each command twice,
#: and each of its connections twice: with a Redis that hangs that takes many times as long.
ASYNC_WITHIN_S = 5.0

#: Where a Sentinel listens unless the URL names a port.
SENTINEL_PORT = 26379


def connect(url: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S, retries: int = 1) -> RedisClient:
    """Return a client for `url`: redis://, rediss://, unix:// or sentinel://host:port,host:port/db?master=name.

    It connects when it is first used. A repeated call is safe, since every script of the ledger may be run twice.
    Raises ConfigError for a URL that cannot be read.
    """
    options = _options(url, answer_timeout_s, Retry(ConstantBackoff(0.1), retries))
    with _readable(url):
        if url.startswith("sentinel://"):
            client = _through_sentinel(Sentinel, url, options, _Client)
        else:
            client = _Client.from_url(url, **options)
    return cast("RedisClient", client)


def connect_async(url: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> AsyncRedis:
    """Return an asyncio client for `url`, with the same bounds as `connect`."""
    options = _options(url, answer_timeout_s, AsyncRetry(ConstantBackoff(0.1), 1))
    with _readable(url):
        if url.startswith("sentinel://"):
            client: AsyncRedis = _through_sentinel(AsyncSentinel, url, options, AsyncRedis)
        else:
            client = AsyncRedis.from_url(url, **options)
    pool = client.connection_pool
    pool.connection_class = type("Packing", (_Packing, pool.connection_class), {})
    return client


class _Client(Redis):
    """redis-py's client with our errors, and with connections that stay at hand.

    What redis-py does around each command for its pool and its own measurements takes longer than all the rest.
    """

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **options)
        self._at_hand: list[Any] = []

    def execute_command(self, *words: Any, **options: Any) -> Any:
        untyped: Any = super()
        with answering():
            if isinstance(self.connection_pool, SentinelConnectionPool):
                # Which connections lead to the primary is its pool's to say, at each command.
                return untyped.execute_command(*words, **options)
            connection = self._take()
            try:
                answer = connection.retry.call_with_retry(
                    lambda: self._ask(connection, words, options), connection.disconnect
                )
            except BaseException:
                self.connection_pool.release(connection)
                raise
            self._at_hand.append(connection)
            return answer

    def _take(self) -> Any:
        """Return the connection that was used last, or another one of the pool, which opens it where it is not."""
        while self._at_hand:
            connection = self._at_hand.pop()
            if connection.pid != os.getpid():
                # That of the process from which this one was forked.
                continue
            if not _is_spoilt(connection):
                return connection
            connection.disconnect()
            self.connection_pool.release(connection)
        return self.connection_pool.get_connection()

    def _ask(self, connection: Any, words: tuple[Any, ...], options: dict[str, Any]) -> Any:
        untyped: Any = self
        connection.send_command(*words, **options)
        return untyped.parse_response(connection, words[0], **options)

    def pipeline(self, transaction: bool = False, shard_hint: object = None) -> _Pipeline:
        """Return a pipeline that is no transaction: Redis 7 refuses those while it is full, reading ones too.

        What must happen together is a script, such as `small_writes.write`.
        """
        return _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def _is_spoilt(connection: Any) -> bool:
    """Tell whether a connection that is not in use has something to read, or has been closed by Redis."""
    try:
        return bool(connection.can_read())
    except (exceptions.RedisError, OSError):
        return True


class _Pipeline(Pipeline):
    """redis-py's pipeline with our errors, in which each command returns the Reply that `execute` fills."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._replies: list[Reply[Any]] = []

    def pipeline_execute_command(self, *words: Any, **options: Any) -> Any:
        super().pipeline_execute_command(*words, **options)
        self._replies.append(Reply())
        return self._replies[-1]

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        replies, self._replies = self._replies, []
        with answering():
            answers = super().execute(raise_on_error)
        for reply, answer in zip(replies, answers, strict=True):
            reply.value = answer
        return answers


class _Packing:
    """Writes commands in C, as the client itself does where it blocks: a fifth of the time for a batch of jobs."""

    def pack_command(self, *words: Any) -> list[bytes]:
        return [hiredis.pack_command((*words[0].split(), *words[1:]))]


def _options(url: str, answer_timeout_s: float, retry: Retry | AsyncRetry) -> dict[str, Any]:
    # A socket of this machine has no half-open links, and redis-py no such options for it.
    over_network = {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_keepalive": True}
    return {
        "socket_timeout": answer_timeout_s,
        "health_check_interval": 10,
        # Two commands for each connection, which users with few rights may not send.
        "driver_info": None,
        # A third one, for a hosted Redis that moves; ours answers it with an error, which the log would show.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "retry": retry,
        "retry_on_error": [exceptions.ConnectionError],
        **({} if url.startswith("unix://") else over_network),
    }


@contextmanager
def _readable(url: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        # An error of parsing may quote a part of the password, and so does its chain.
        why = "in a password, / ? # and @ are written as %2F %3F %23 and %40" if "@" in url else str(error)
        raise ConfigError(
            f"{shown_url(url)} is no Redis URL ({why}); write redis://host:6379/0, "
            "or sentinel://host:26379,host:26379/0?master=name",
            field="redis_url",
        ) from None


def for_celery(url: str) -> tuple[str, dict[str, object]]:
    """Return `url` as kombu spells it, and the transport options that belong to it.

    Raises ConfigError for a URL that cannot be read, over which kombu would show a traceback.
    """
    connect(url)
    if url.startswith("unix://"):
        return url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1), {}
    if not url.startswith("sentinel://"):
        return url, {}
    parts = urlsplit(url)
    login, at_sign, hosts = parts.netloc.rpartition("@")
    nodes = (f"sentinel://{login}{at_sign}{host}{parts.path}" for host in hosts.split(","))
    return ";".join(nodes), {"master_name": _master(parts.query)}


def _master(query: str) -> str:
    return parse_qs(query).get("master", ["mymaster"])[0]


def _through_sentinel(kind: Any, url: str, options: dict[str, Any], client: type) -> Any:
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = (unquote(part) for part in login.partition(":"))
    nodes = [urlsplit(f"//{host}") for host in hosts.split(",")]
    sentinel = kind(
        [(node.hostname, node.port or SENTINEL_PORT) for node in nodes],
        sentinel_kwargs={"socket_timeout": CONNECT_TIMEOUT_S},
        username=username or None,
        password=password or None,
        db=int(parts.path.strip("/") or 0),
        **options,
    )
    return sentinel.master_for(_master(parts.query), redis_class=client)


def run(redis: RedisClient, script: Script, names: Sequence[str | bytes], arguments: Sequence[Any]) -> Any:
    """Run a script and return its answer; raises ServiceAway("redis")."""
    return follow(redis, script_flow(script, names, arguments))[0]


def follow(redis: RedisClient, flow: Flow[T]) -> T:
    """Carry out a flow of the ledger through redis-py; raises ServiceAway("redis") and what the flow raises."""
    return drive(flow, partial(send, redis))


def send(redis: RedisClient, commands: list[tuple[Word, ...]]) -> list[Any]:
    """Send commands together and return their answers; raises ServiceAway("redis")."""
    client: Any = redis
    if len(commands) == 1:
        try:
            return [client.execute_command(*commands[0])]
        except exceptions.ResponseError as error:
            return [_checked(error)]
    pipe = client.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    with answering():
        return list(map(_checked, pipe.execute(raise_on_error=False)))


async def follow_async(redis: AsyncRedis, flow: Flow[T]) -> T:
    """Carry out a flow of the ledger through the asyncio client; raises like `follow`."""
    try:
        commands = next(flow)
        while True:
            try:
                answers = await send_async(redis, commands)
            except ServiceAway as error:
                commands = flow.throw(error)
            else:
                commands = flow.send(answers)
    except StopIteration as end:
        result: T = end.value
        return result


async def send_async(redis: AsyncRedis, commands: list[tuple[Word, ...]]) -> list[Any]:
    """Send commands together through the asyncio client; returns and raises like `send`, within ASYNC_WITHIN_S."""
    client: Any = redis
    with answering():
        try:
            async with asyncio.timeout(ASYNC_WITHIN_S):
                if len(commands) == 1:
                    return [await client.execute_command(*commands[0])]
                async with client.pipeline(transaction=False) as pipe:
                    for command in commands:
                        pipe.execute_command(*command)
                    return list(map(_checked, await pipe.execute(raise_on_error=False)))
        except exceptions.ResponseError as error:
            return [_checked(error)]
        except TimeoutError:
            raise exceptions.TimeoutError(f"no answer within {ASYNC_WITHIN_S:g} s") from None


def _checked(answer: Any) -> Any:
    """Return an answer; raises the one that is an error, unless only the script or the function is not known."""
    if isinstance(answer, exceptions.ResponseError) and _is_unknown(answer):
        return NO_SCRIPT
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_unknown(error: exceptions.RedisError) -> bool:
    return isinstance(error, exceptions.NoScriptError) or is_unknown(str(error))


def now_ms(redis: RedisClient) -> int:
    """Return Redis' clock in ms since 1970; raises ServiceAway("redis")."""
    seconds, micros = redis.time()
    return seconds * 1000 + micros // 1000


@contextmanager
def answering() -> Iterator[None]:
    """Turn what redis-py raises into ServiceAway("redis") with the remedy; into MemoryFull where it has no room."""
    try:
        yield
    except exceptions.OutOfMemoryError as error:
        raise MemoryFull("redis", OUT_OF_MEMORY, after=COME_AGAIN_S) from error
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        if _is_unknown(error):
            raise
        if is_without_function(str(error)):
            raise RedisRefusal(NO_FUNCTION, code="NOPERM") from error
        why = f"Redis refuses our user: {str(error).rstrip('.')}; correct TQ_REDIS_URL or the ACL"
        raise RedisRefusal(why, code="NOPERM") from error
    except exceptions.ReadOnlyError as error:
        raise ServiceAway("redis", READ_ONLY) from error
    except exceptions.ResponseError as error:
        if _is_unknown(error):
            # An answer to the one who asked for the script.
            raise
        why = f"Redis refuses this: {str(error).rstrip('.')}. Is TQ_REDIS_URL right? tqctl check says more"
        # Of a command in a pipeline redis-py says first which one it was.
        answer = str(error).rpartition("caused error: ")[2]
        raise RedisRefusal(why, code=answer.partition(" ")[0]) from error
    except exceptions.RedisError as error:
        raise ServiceAway(
            "redis",
            f"Redis cannot be reached: {str(error).rstrip('.')}. Is it running, and is TQ_REDIS_URL right?",
        ) from error
