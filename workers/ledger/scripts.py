"""The Lua scripts, each a step of the ledger that happens at once or not at all."""

from __future__ import annotations

import os

from workers.core.hashing import sha1_hex

_FOLDER = os.path.join(os.path.dirname(__file__), "lua")


class Script:
    """The text of `lua/<name>.lua` and the digest by which Redis knows it."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        with open(os.path.join(_FOLDER, f"{name}.lua"), encoding="utf-8") as file:
            self.text = file.read()
        self.sha = sha1_hex(self.text.encode())
