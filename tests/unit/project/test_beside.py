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
    # how each ended comes first, in any order
    lines = printed.splitlines()
    ends, told = lines[: lines.index("---- unsteady")], lines[lines.index("---- unsteady") :]
    assert any(end.startswith("bad: RED after ") for end in ends)
    assert any(end.startswith("good: green after ") and "3 passed in 2s" in end for end in ends)
    assert "UNSTEADY, passes alone: test_some.py" in ends
    # and what the first one printed stands last
    assert told[-4:] == ["---- good", "= 3 passed in 2s =", "---- bad", "it broke"]
