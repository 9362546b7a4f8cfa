"""Small writes of bounded size that Redis takes although it is out of memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from workers.ledger.client import RedisClient
from workers.ledger.connection import run
from workers.ledger.scripts import Script

if TYPE_CHECKING:
    from workers.ledger.accept import Word

SMALL_WRITES = Script("small_writes", when_full=True)


def write(redis: RedisClient, *commands: Sequence[Word]) -> list[Any]:
    """Carry out commands at once and return their answers; raises ServiceAway("redis")."""
    answers: list[Any] = run(redis, SMALL_WRITES, [], words_of(commands))
    return answers


def words_of(commands: Iterable[Sequence[Word]]) -> list[Word]:
    """Return the arguments of the script for `commands`."""
    return [word for command in commands for word in (len(command), *command)]
