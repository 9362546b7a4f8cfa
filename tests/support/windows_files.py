"""Files as Windows has them: one that is open anywhere in this process can be neither renamed, replaced nor removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: The functions of `os` that Windows refuses while a file is open.
REFUSED_WHILE_OPEN = ("replace", "rename", "unlink", "remove")


def refuse_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let renaming and removing fail as there, until the test is over."""
    for name in REFUSED_WHILE_OPEN:
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))


def guarded(act: Callable[..., Any]) -> Callable[..., Any]:
    """Return `act` on files as Windows does it."""

    def as_there(*paths: Any, **more: Any) -> Any:
        for path in paths:
            if not more and _is_open(path):
                raise PermissionError(13, "The process cannot access the file", str(path))
        return act(*paths, **more)

    return as_there


def _is_open(path: Any) -> bool:
    target = os.path.abspath(os.fsdecode(path))
    return any(_target(handle) == target for handle in Path("/proc/self/fd").iterdir())


def _target(handle: Path) -> str:
    try:
        return os.readlink(handle)
    except OSError:
        return ""
