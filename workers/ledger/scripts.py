"""The Lua scripts, each a step of the ledger that happens at once or not at all."""

from __future__ import annotations

import os
from hashlib import sha1

_FOLDER = os.path.join(os.path.dirname(__file__), "lua")


#: The first line of a script that Redis runs although it is out of memory (Redis 7, Valkey).
WHEN_FULL = "#!lua flags=allow-oom\n"


class Script:
    """The text of `lua/<name>.lua`, after what it uses of `lua/shared/`, and the digest by which Redis knows it.

    With `when_full` a Redis that is out of memory runs it too: for what finishes work, and so frees memory.
    """

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str, *uses: str, when_full: bool = False) -> None:
        self.name = name
        parts = map(read, (*(f"shared/{used}" for used in uses), name))
        self.text = (WHEN_FULL if when_full else "") + "".join(parts)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def read(name: str) -> str:
    """Return the text of `lua/<name>.lua`."""
    with open(os.path.join(_FOLDER, f"{name}.lua"), encoding="utf-8") as file:
        return file.read()
