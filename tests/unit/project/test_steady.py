"""`.ci/steady`: a test that fails beside the others alone is named, and one that fails by itself is a failure."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.deployment import ROOT

FAILS_AT_FIRST = """
from pathlib import Path

def test_at_first():
    seen = Path(__file__).with_name("seen")
    again = seen.exists()
    seen.touch()
    assert again
"""
FAILS_EACH_TIME = "def test_each_time(): assert False\n"
MANY_FAIL_AT_FIRST = "".join(
    FAILS_AT_FIRST.replace("seen", f"seen{number}").replace("test_at_first", f"test_{number}")
    for number in range(6)
)


@pytest.mark.parametrize(
    ("tests", "code", "named"),
    [
        ("def test_good(): pass\n", 0, False),
        (FAILS_AT_FIRST, 0, True),
        (FAILS_EACH_TIME, 1, False),
        (FAILS_AT_FIRST + FAILS_EACH_TIME, 1, False),
        (MANY_FAIL_AT_FIRST, 1, False),
    ],
)
def test_a_failure_that_does_not_come_again_is_named_and_no_other_is_forgiven(
    tests: str, code: int, named: bool, tmp_path: Path
) -> None:
    # Given a tree whose tests fail as they do
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/steady", tmp_path / ".ci")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_some.py").write_text(tests)
    # When CI runs them
    words = [tmp_path / ".ci/steady", tmp_path / ".venv/bin/python", "-m", "pytest", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    # Then it says so by its exit code, and by the name of the test
    assert done.returncode == code, done.stdout + done.stderr
    assert ("UNSTEADY, passes alone: test_some.py::test_at_first" in done.stdout) == named
