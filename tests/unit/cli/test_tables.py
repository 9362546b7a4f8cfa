"""What commands print: the same texts in tables on a terminal and in columns elsewhere, and nothing that steers it."""

from __future__ import annotations

import sys

import pytest

from producers.cli.tables import Grid, show_all

NASTY = "\x1b[2Jgone\u202e"
SHOWN = "\\x1b[2Jgone\\u202e"


@pytest.mark.parametrize("on_terminal", [True, False])
def test_texts_from_outside_cannot_steer_the_terminal(
    on_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    show_all([NASTY, Grid("", ("List",), [[NASTY]], "none")])
    shown = capsys.readouterr().out
    assert shown.count(SHOWN) == 2
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_all([Grid("Pending", ("List",), [], "nothing is pending")])
    assert capsys.readouterr().out == "Pending: nothing is pending\n"
