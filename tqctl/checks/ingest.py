"""What the Redis bridge reads: is it kept, is there room, and does a payload lie where no bridge looks?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from msgspec.structs import replace

from tqctl.checks import redis as server
from tqctl.checks.line import CheckLine, failed, ok, warning
from tqctl.shell import ANSWER_TIMEOUT_S
from workers.core.errors import ServiceAway
from workers.core.text import size
from workers.ledger.admin import LedgerAdmin
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect
from workers.ledger.ingest import Waiting, is_elsewhere, waiting_for_bridge
from workers.ledger.status import health
from workers.ledger.strays import strays
from workers.settings.model import Settings

AREA = server.AREA

#: Messages that may wait for the bridge; it takes some thousand in a second.
MOST_WAITING = 1_000

#: Percent of its memory above which a Redis that the bridge reads is said to fill; at 100 it refuses what is pushed.
MOST_PERCENT = 90.0


def check_ingest(admin: LedgerAdmin, settings: Settings) -> Iterator[CheckLine]:
    """Look at the lists and the stream, and at their Redis where it is another one than the ledger's."""
    if not is_elsewhere(settings):
        yield from _look(admin.redis)
        return
    with closing(connect(settings.ingest_redis_url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0)) as redis:
        try:
            yield from _server(redis, settings)
            yield from _look(redis)
        except ServiceAway as error:
            why = str(error).replace("TQ_REDIS_URL", "TQ_INGEST_REDIS_URL")
            remedy = "start it, or correct TQ_INGEST_REDIS_URL; the bridge waits, and nothing can be pushed"
            yield failed(AREA, "ingest: answers", why, remedy, code=error.exit_code)


def _server(redis: RedisClient, settings: Settings) -> Iterator[CheckLine]:
    own = replace(settings, redis_url=settings.ingest_redis_url, memory_percent=MOST_PERCENT)
    for line in server.judge(
        health(redis), own, refuses="pushes are refused when it is full, and it is above"
    ):
        yield replace(
            line,
            what=f"ingest: {line.what}",
            remedy=line.remedy.replace("TQ_REDIS_URL", "TQ_INGEST_REDIS_URL"),
        )


def _look(redis: RedisClient) -> Iterator[CheckLine]:
    yield _waiting(waiting_for_bridge(redis))
    yield from _strays(redis)


def _waiting(waiting: Waiting) -> CheckLine:
    """Judge what waits for the bridge; nothing of ours bounds what others push."""
    finding = f"{waiting.messages} messages wait for the Redis bridge, {size(waiting.bytes)}"
    if waiting.messages > MOST_WAITING:
        return warning(AREA, "ingest", finding, "is tq-redis-bridge running? Its log says what it waits for")
    return ok(AREA, "ingest", finding if waiting.messages else "nothing waits for the Redis bridge")


def _strays(redis: RedisClient) -> Iterator[CheckLine]:
    """Judge payloads under names that are almost ours, where the bridge reads."""
    lost = strays(redis)
    if not lost:
        yield ok(AREA, "mistyped keys", "no payloads lie under a name that is almost one of the bridge's")
    for stray in lost:
        count = "an unknown number of" if stray.count is None else f"{stray.count:,}"
        move = (
            f"LMOVE {stray.name} {stray.meant} LEFT RIGHT"
            if stray.kind == "list"
            else f"XADD to {stray.meant}"
        )
        yield warning(
            AREA,
            "mistyped keys",
            f"{count} entries lie in the {stray.kind} {stray.name}, where no bridge looks",
            f"was {stray.meant} meant? Correct the sender, and move each entry with redis-cli: {move}",
        )
