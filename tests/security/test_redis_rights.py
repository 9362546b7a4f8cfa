"""Every command of Redis, played for every user of the ACL file: exactly what the table says is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.redis_rights import TABLE, rights, written
from tests.support.redis_users import guarded_redis

pytestmark = pytest.mark.integration


def test_each_user_may_do_exactly_what_the_table_says(tmp_path: Path) -> None:
    with guarded_redis(tmp_path) as guarded, guarded.all_rights() as redis:
        # Another server has other commands.
        if not str(redis.info("server").get("valkey_version")).startswith("9.1"):
            pytest.skip("the table has the commands of Valkey 9.1")
        found = written(rights(guarded))
    assert found.splitlines() == TABLE.read_text().splitlines()


@pytest.mark.parametrize("user", ["producer", "stub"])
def test_a_user_on_another_machine_writes_nothing(tmp_path: Path, user: str) -> None:
    with guarded_redis(tmp_path) as guarded:
        commands = rights(guarded)[user]
    scripts = {"eval", "evalsha", "eval_ro", "script|load", "function|load", "function|list"}
    writes = {
        "set",
        "zadd",
        "lpush",
        "rpush",
        "rename",
        "renamenx",
        "lmove",
        "del",
        "hset",
        "msetnx",
        "select",
    }
    assert not commands.keys() & (scripts | writes)
