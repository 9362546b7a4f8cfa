"""The Lua scripts, each a step of the ledger that happens at once or not at all."""

from __future__ import annotations

import os

from workers.core.hashing import sha1_hex

_FOLDER = os.path.join(os.path.dirname(__file__), "lua")


class Script:
    """The text of `lua/<name>.lua`, after what it uses of `lua/shared/`, and the digest by which Redis knows it."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str, *uses: str) -> None:
        self.name = name
        text = "".join(map(_read, (*(os.path.join("shared", used) for used in uses), name)))
        self.text = text
        self.sha = sha1_hex(text.encode())


def _read(name: str) -> str:
    with open(os.path.join(_FOLDER, f"{name}.lua"), encoding="utf-8") as file:
        return file.read()
