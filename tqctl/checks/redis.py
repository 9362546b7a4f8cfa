"""Redis: does it keep what it was given, is there room, and does only our own lie in our keys?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from tqctl.checks.line import CheckLine, failed, ok, warning
from workers.core.redis_tls import unverified
from workers.core.text import size
from workers.core.urls import is_loopback, tls_options
from workers.ledger import backup_keys, keys
from workers.ledger.accept import FUNCTION
from workers.ledger.admin import LedgerAdmin
from workers.ledger.client import RedisClient, RedisRefusal
from workers.ledger.connection import now_ms
from workers.ledger.functions import is_loaded
from workers.ledger.markers import DAY_MS
from workers.ledger.status import RedisHealth, health, is_primary, is_too_old
from workers.ledger.usage import Usage, fills, usages
from workers.settings.model import Settings

AREA = "redis"

#: Seconds by which Redis' clock and ours may differ before times in logs mislead.
MOST_SKEW_S = 2.0

#: Days after which the last backup is too old: who makes one each week still has a day.
MOST_BACKUP_DAYS = 8


def check_redis(admin: LedgerAdmin, settings: Settings) -> Iterator[CheckLine]:
    """Look at the ledger's Redis; raises ServiceAway("redis") when it does not answer."""
    yield from judge(health(admin.redis), settings, lambda: usages(admin.redis))
    yield _function(admin.redis)
    yield _backup(admin.redis)


def _backup(redis: RedisClient) -> CheckLine:
    """Judge how old the last backup is; one that was never made is no fault: there are other ways."""
    unfinished, last = redis.hgetall(backup_keys.RESTORE), redis.hgetall(backup_keys.BACKUP)
    if unfinished:
        finding = f"a restore by {unfinished[b'by'].decode(errors='replace')} has not ended"
        return failed(AREA, "backup", finding, "run tqctl restore again with the same file")
    if not last:
        return ok(AREA, "backup", "none was made yet; tqctl backup makes one")
    days = (now_ms(redis) - int(last[b"at"])) / DAY_MS
    finding = f"{days:.1f} days old: {last[b'file'].decode(errors='replace')}"
    if days > MOST_BACKUP_DAYS:
        return warning(AREA, "backup", finding, "see why tqctl backup runs no more (tq-backup.timer, cron)")
    return ok(AREA, "backup", finding)


def _function(redis: RedisClient) -> CheckLine:
    """Judge whether users on other machines, who may do nothing else, can call the function that accepts."""
    try:
        if is_loaded(redis):
            return ok(AREA, "function", f"{FUNCTION} is loaded")
    except RedisRefusal as error:
        return ok(AREA, "function", f"not known: {error}")
    finding = f"{FUNCTION} is not loaded: Redis' users producer and stub cannot send"
    return warning(
        AREA, "function", finding, "start a worker with -Q upkeep; its log says why it cannot load it"
    )


def judge(
    server: RedisHealth,
    settings: Settings,
    measure: Callable[[], list[Usage]] = list,
    *,
    refuses: str = "producers refuse above",
) -> Iterator[CheckLine]:
    """Judge what a Redis tells about itself; of one that is full, `measure` tells what fills it."""
    yield ok(AREA, "answers", f"in {server.took_s * 1000:.1f} ms")
    yield _clock(server.ahead_s)
    yield _version(server.info)
    yield _role(server.info)
    yield from _persistence(server)
    yield _eviction(server.info)
    yield _memory(server.info, settings, measure, refuses)
    yield transport(settings)
    yield _user(server.user or "unknown", settings)
    yield _strangers(server.strangers)


def _clock(skew_s: float) -> CheckLine:
    finding = f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) > MOST_SKEW_S:
        return warning(AREA, "clock", finding, "set both by NTP; leases hold, but times in logs mislead")
    return ok(AREA, "clock", finding)


def _version(info: dict[str, Any]) -> CheckLine:
    name = str(info.get("server_name", "redis"))
    release = str(info.get(f"{name}_version", info["redis_version"]))
    if is_too_old(info):
        return failed(AREA, "version", f"{name} {release}", "Redis 7 or newer, or Valkey, is needed")
    return ok(AREA, "version", f"{name} {release}")


def _role(info: dict[str, Any]) -> CheckLine:
    if not is_primary(info):
        return failed(
            AREA, "role", "a replica, which takes no writes", "name the primary, or sentinel://…?master=NAME"
        )
    return ok(AREA, "role", f"primary, {info.get('connected_slaves', 0)} replicas")


def _persistence(server: RedisHealth) -> Iterator[CheckLine]:
    if not server.info.get("aof_enabled"):
        yield failed(
            AREA,
            "persistence",
            "no AOF: a restart forgets accepted jobs",
            "appendonly yes, appendfsync everysec (or always) in redis.conf",
        )
        return
    if server.fsync == "no":
        yield warning(
            AREA,
            "persistence",
            "AOF, but the system decides when it is on disk",
            "appendfsync everysec, or always",
        )
    else:
        yield ok(AREA, "persistence", f"AOF, appendfsync {server.fsync or 'unknown'}")
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status"):
        if server.info.get(name, "ok") != "ok":
            yield failed(AREA, name, str(server.info[name]), "make room on Redis' disk and see its log")


def _eviction(info: dict[str, Any]) -> CheckLine:
    policy = str(info.get("maxmemory_policy", "unknown"))
    if policy != "noeviction":
        return failed(
            AREA,
            "eviction",
            f"{policy}: an evicted key is a lost job",
            "maxmemory-policy noeviction in redis.conf",
        )
    return ok(AREA, "eviction", policy)


def _memory(
    info: dict[str, Any], settings: Settings, measure: Callable[[], list[Usage]], refuses: str
) -> CheckLine:
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if not most:
        return warning(
            AREA,
            "memory",
            f"{size(used)} and no maxmemory: Redis grows until the system kills it",
            "set maxmemory, so that producers refuse before that",
        )
    share = 100 * used / most
    finding = f"{size(used)} of {size(most)} ({share:.0f} %)"
    if share > settings.memory_percent:
        return failed(
            AREA,
            "memory",
            f"{finding}; {refuses} {settings.memory_percent:g} %",
            fills(measure()) or "tqctl capacity shows what fills it",
        )
    return ok(AREA, "memory", finding)


def transport(settings: Settings) -> CheckLine:
    """Judge the way to Redis that the URL names."""
    if settings.redis_url.startswith("unix://"):
        return ok(AREA, "transport", "a socket of this machine")
    if settings.redis_url.startswith("rediss://"):
        return _tls(settings.redis_url)
    hosts = [urlsplit(f"//{part}").hostname or "" for part in urlsplit(settings.redis_url).netloc.split(",")]
    if all(map(is_loopback, hosts)):
        return ok(AREA, "transport", "this machine")
    return warning(
        AREA, "transport", f"without TLS to {', '.join(hosts)}", "rediss://, unless the network is trusted"
    )


def _tls(url: str) -> CheckLine:
    """Judge what the URL says of the server's certificate, which is verified unless it says otherwise."""
    asked = tls_options(url)
    if option := unverified(asked):
        finding = f"TLS, but another machine on the way can pose as Redis: the URL says {option}"
        return warning(
            AREA, "transport", finding, "take that out, and name the authority with ssl_ca_certs=FILE"
        )
    return ok(
        AREA,
        "transport",
        f"TLS, verified with {asked.get('ssl_ca_certs', 'the authorities of this machine')}",
    )


def _user(name: str, settings: Settings) -> CheckLine:
    if "@" not in settings.redis_url:
        return warning(
            AREA,
            "user",
            f"{name}, without a password: all that can reach Redis can read and write jobs",
            "give Redis users (deploy/redis) and name one in TQ_REDIS_URL",
        )
    return ok(AREA, "user", name)


def _strangers(strangers: dict[str, int]) -> CheckLine:
    """Judge payloads that a sender pushed where Celery's messages belong."""
    if not strangers:
        return ok(AREA, "queues", "hold nothing but our own messages")
    shown = ", ".join(f"{name} ({count})" for name, count in strangers.items())
    return failed(
        AREA,
        "queues",
        f"raw payloads lie where no worker can read them: {shown}",
        f"push payloads to {keys.INGEST_RPUSH} (RPUSH), {keys.INGEST_LPUSH} (LPUSH) or the stream "
        f"{keys.INGEST_STREAM}, which tq-redis-bridge reads; move what lies there now with LMOVE",
    )
