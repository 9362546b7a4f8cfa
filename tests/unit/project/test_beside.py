"""`.ci/beside`: every command is run, what each printed is shown, and one that fails makes all of them red."""

from __future__ import annotations

import subprocess

from tests.support.deployment import ROOT


def beside(parts: str) -> tuple[int, str]:
    """Return the exit code for these lines, two at a time, and what is printed."""
    done = subprocess.run(
        [ROOT / ".ci/beside", "2"], input=parts, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_commands_run_beside_each_other() -> None:
    # Given two of which each ends only when the other has begun
    meet = "bash -c 'mkdir {0}; until [ -d {1} ]; do sleep 0.01; done'"
    code, _ = beside(f"one {meet.format('$out/a', '$out/b')}\ntwo {meet.format('$out/b', '$out/a')}\n")
    # Then both end
    assert code == 0


def test_one_that_fails_makes_all_red_and_the_rest_is_run_all_the_same() -> None:
    code, printed = beside(
        "bad echo it broke; exit 3\n"
        "good echo '= 3 passed in 2s ='\n"
        "unsteady echo 'UNSTEADY, passes alone: test_some.py'\n"
    )
    assert code == 1
    assert "---- bad\nit broke\n" in printed
    *_, first, second, third, fourth = printed.splitlines()
    assert first.startswith("bad: RED after ")
    assert second.startswith("good: green after ")
    assert "3 passed in 2s" in second
    assert third.startswith("unsteady: green after ")
    assert fourth == "UNSTEADY, passes alone: test_some.py"
