"""`tqctl` in this process: what an operator types, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct

from tqctl.main import main


class Answer(Struct, frozen=True):
    """The exit code and what was printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, decoded."""
        return json.loads(self.out)


class Operator:
    """Types commands; the settings come from the environment of the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def types(self, *words: str) -> Answer:
        """Run `tqctl` with these words."""
        return self._run(words)

    def asks(self, *words: str) -> Any:
        """Run `tqctl --json` with these words, which must succeed, and return what it tells."""
        answer = self._run(["--json", *words])
        assert answer.code == 0, answer
        return answer.json

    def _run(self, words: Sequence[str]) -> Answer:
        self._capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self._capsys.readouterr()
        return Answer(code, out, err)
