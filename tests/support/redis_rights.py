"""What each user of our Redis may do, asked of the server for every command that it has: `ACL DRYRUN`.

`python -m tests.support.redis_rights` writes the table anew after a change of deploy/redis/users.acl.template.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from redis import Redis

from tests.support.redis_users import ROOT, Guarded, guarded_redis

TABLE = ROOT / "tests/fixtures/redis-rights.txt"

#: A name of each kind that the ACL file tells apart; none of them is a right one below `sealed`.
KEYS = (
    "{tq}:job:x",
    "{tq}:progress:x",
    "{tq}:history:x",
    "{tq}:away:x",
    "{tq}:away:senders",
    "{tq}:same:x",
    "{tq}:due:events",
    "{tq}:due:enrichment",
    "{tq}:due:sync",
    "{tq}:arrived:events",
    "{tq}:arrived:enrichment",
    "{tq}:arrived:sync",
    "{tq}:counts",
    "{tq}:memory",
    "{tq}:memory:fills",
    "{tq}:may:events.create:cli",
    "{tq}:may:indicators.add:smart-response",
    "{tq}:may:lists.sync:cli",
    "{tq}:sealed:x:text",
    "{tq}:quarantine",
    "{tq}:quarantined:x",
    "{tq}:ingest:rpush",
    "{tq}:ingest:stream",
    "{tq}:ingest:taken",
    "{tq}:dead",
    "{tq}:paused",
    "{tq}:celery:events",
    "{tq}:celery:enrichment",
    "{tq}:celery:sync",
    "{tq}:celery:upkeep",
    "{tq}:celery:_kombu.binding.events",
    "events",
    "other",
)

#: The commands of which an argument says how many keys follow: none.
COUNTED = {"eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro"}


def rights(guarded: Guarded) -> dict[str, dict[str, set[str]]]:
    """Return for each user which keys it may use with each command; "-" is a command without keys."""
    users = [
        "default",
        *(file.name.removeprefix("redis-") for file in sorted(guarded.secrets.glob("redis-*"))),
    ]
    with guarded.all_rights() as redis:
        known: dict[str, Any] = redis.command()
        commands = {name: arity for info in known.values() for name, arity in _named(info)}
        return {user: _rights_of(redis, user, commands) for user in users}


def _named(info: dict[str, Any]) -> list[tuple[str, int]]:
    """Return a command or its subcommands, each with its arity."""
    parts = [(_text(part[0]), int(part[1])) for part in info.get("subcommands", ())]
    return parts or [(info["name"], int(info["arity"]))]


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _rights_of(redis: Redis, user: str, commands: dict[str, int]) -> dict[str, set[str]]:
    pipe: Any = redis.pipeline(transaction=False)
    asked = [(name, key) for name in commands for key in KEYS]
    for name, key in asked:
        pipe.execute_command("ACL", "DRYRUN", user, *_words(name, commands[name], key))
    allowed: dict[str, set[str]] = defaultdict(set)
    for (name, key), answer in zip(asked, pipe.execute(raise_on_error=False), strict=True):
        if answer == b"OK":
            allowed[name].add(key)
    return {name: {"-"} if len(keys) == len(KEYS) else keys for name, keys in allowed.items()}


def _words(name: str, arity: int, key: str) -> list[str]:
    words = name.split("|")
    if name in COUNTED:
        return [*words, "x", "0", key]
    return [*words, *[key] * (abs(arity) - len(words))]


def written(table: dict[str, dict[str, set[str]]]) -> str:
    """Write the table: below each user a line for all commands that it may use with the same keys."""
    lines = []
    for user, commands in table.items():
        lines.append(f"[{user}]")
        groups: dict[str, list[str]] = defaultdict(list)
        for command in sorted(commands):
            groups[" ".join(key for key in ("-", *KEYS) if key in commands[command])].append(command)
        lines += [f"{keys}: {' '.join(names)}" for keys, names in sorted(groups.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with guarded_redis(Path(tempfile.mkdtemp())) as server:
        TABLE.write_text(written(rights(server)))
