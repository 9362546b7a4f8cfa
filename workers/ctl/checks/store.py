"""Redis: does it keep what it was given, is there room, and does only our own lie in our keys?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from workers.config import Settings
from workers.ctl.checks.line import Line, failed, ok, warning
from workers.ctl.tables import size
from workers.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.ledger import answering
from workers.urls import is_loopback

AREA = "redis"

#: The oldest server whose scripts may read the clock and write, and that has ACL users.
OLDEST = (6, 2)

#: Seconds by which Redis' clock and ours may differ before times in logs mislead.
MOST_SKEW_S = 2.0

#: Messages at each end of a queue that are looked at for strangers.
LOOKED_AT = 50

#: Names that people give to a list they push raw payloads to, beside the real queues.
LIKELY_NAMES = (*QUEUES, "celery")


def check_redis(redis: Redis, settings: Settings) -> Iterator[Line]:
    """Look at one Redis; raises ServiceAway("redis") when it does not answer."""
    began = time.time()
    with answering():
        seconds, micros = redis.time()
        took_s = time.time() - began
        info: dict[str, Any] = redis.info()
    yield _reachable(took_s)
    yield _clock(seconds + micros / 1e6 - (began + took_s / 2))
    yield _version(info)
    yield _role(info)
    yield from _persistence(redis, info)
    yield _eviction(info)
    yield _memory(info, settings)
    yield _transport(settings)
    yield _user(redis, settings)
    yield from _strangers(redis)


def _reachable(took_s: float) -> Line:
    return ok(AREA, "answers", f"in {took_s * 1000:.1f} ms")


def _clock(skew_s: float) -> Line:
    found = f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) > MOST_SKEW_S:
        return warning(AREA, "clock", found, "set both by NTP; leases hold, but times in logs mislead")
    return ok(AREA, "clock", found)


def _version(info: dict[str, Any]) -> Line:
    name = str(info.get("server_name", "redis"))
    found = str(info.get(f"{name}_version", info["redis_version"]))
    numbers = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if numbers < OLDEST:
        return failed(AREA, "version", f"{name} {found}", "Redis 6.2 or newer, or Valkey, is needed")
    return ok(AREA, "version", f"{name} {found}")


def _role(info: dict[str, Any]) -> Line:
    if info.get("role") not in ("master", None):
        return failed(
            AREA, "role", "a replica, which takes no writes", "name the primary, or sentinel://…?master=NAME"
        )
    return ok(AREA, "role", f"primary, {info.get('connected_slaves', 0)} replicas")


def _persistence(redis: Redis, info: dict[str, Any]) -> Iterator[Line]:
    if not info.get("aof_enabled"):
        yield failed(
            AREA,
            "persistence",
            "no AOF: a restart forgets accepted jobs",
            "appendonly yes, appendfsync everysec (or always) in redis.conf",
        )
        return
    try:
        fsync = cast("dict[str, str]", redis.config_get("appendfsync")).get("appendfsync", "unknown")
    except RedisError:
        # A managed Redis and a user with few rights do not tell.
        fsync = "unknown"
    if fsync == "no":
        yield warning(
            AREA,
            "persistence",
            "AOF, but the system decides when it is on disk",
            "appendfsync everysec, or always",
        )
    else:
        yield ok(AREA, "persistence", f"AOF, appendfsync {fsync}")
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status"):
        if info.get(name, "ok") != "ok":
            yield failed(AREA, name, str(info[name]), "make room on Redis' disk and see its log")


def _eviction(info: dict[str, Any]) -> Line:
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy != "noeviction":
        return failed(
            AREA,
            "eviction",
            f"{policy}: an evicted key is a lost job",
            "maxmemory-policy noeviction in redis.conf",
        )
    return ok(AREA, "eviction", policy)


def _memory(info: dict[str, Any], settings: Settings) -> Line:
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if not most:
        return warning(
            AREA,
            "memory",
            f"{size(used)} and no maxmemory: Redis grows until the system kills it",
            "set maxmemory, so that doors refuse before that",
        )
    share = 100 * used / most
    found = f"{size(used)} of {size(most)} ({share:.0f} %)"
    if share > settings.memory_percent:
        return failed(
            AREA,
            "memory",
            f"{found}; doors refuse above {settings.memory_percent:g} %",
            "raise maxmemory, drop dead jobs, lower keep_done_days",
        )
    return ok(AREA, "memory", found)


def _transport(settings: Settings) -> Line:
    if settings.redis_url.startswith("unix://"):
        return ok(AREA, "transport", "a socket of this machine")
    if settings.redis_url.startswith("rediss://"):
        return ok(AREA, "transport", "TLS")
    hosts = [urlsplit(f"//{part}").hostname or "" for part in urlsplit(settings.redis_url).netloc.split(",")]
    if all(map(is_loopback, hosts)):
        return ok(AREA, "transport", "this machine")
    return warning(
        AREA, "transport", f"without TLS to {', '.join(hosts)}", "rediss://, unless the network is trusted"
    )


def _user(redis: Redis, settings: Settings) -> Line:
    try:
        name = str(cast("Any", redis).acl_whoami())
    except RedisError:
        name = "unknown"
    has_password = "@" in settings.redis_url
    if not has_password:
        return warning(
            AREA,
            "user",
            f"{name}, without a password: whoever reaches Redis reads and writes jobs",
            "give Redis users (the ACL files in deploy/) and name one in TQ_REDIS_URL",
        )
    return ok(AREA, "user", name)


def _strangers(redis: Redis) -> Iterator[Line]:
    """Look for payloads that somebody pushed where Celery's messages belong."""
    found = []
    with answering():
        for name in (*map(keys.bells, QUEUES), *LIKELY_NAMES):
            count = _raw(redis, name)
            if count:
                found.append(f"{name} ({count})")
    if not found:
        yield ok(AREA, "queues", "hold nothing but our own messages")
        return
    yield failed(
        AREA,
        "queues",
        f"raw payloads lie where no worker can read them: {', '.join(found)}",
        f"push payloads to {keys.INGEST_RPUSH} (RPUSH), {keys.INGEST_LPUSH} (LPUSH) or the stream "
        f"{keys.INGEST_STREAM}, which tq-redis-bridge reads; move what lies there now with RENAME or LMOVE",
    )


def _raw(redis: Redis, name: str) -> int:
    """Return how many of a list's items, of those looked at, are no messages of Celery's."""
    try:
        length = redis.llen(name)
        ends = {*redis.lrange(name, 0, LOOKED_AT - 1), *redis.lrange(name, -LOOKED_AT, -1)} if length else ()
    except ResponseError:
        # Another type of key under this name is somebody else's business.
        return 0
    return sum(not is_message(item) for item in cast("set[bytes]", ends))


def is_message(item: bytes) -> bool:
    """Tell whether an item of a queue is a message of Celery's protocol."""
    try:
        message = json.loads(item)
    except ValueError:
        return False
    return isinstance(message, dict) and {"body", "headers", "properties"} <= message.keys()
