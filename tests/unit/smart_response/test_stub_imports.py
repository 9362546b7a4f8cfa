"""What a stub imports: nothing that Windows lacks, and nothing large."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from producers.smart_response.link import USUAL_TYPES
from sandbox.launch.processes import ROOT
from workers.indicators.types import INDICATOR_TYPES

#: Modules of the standard library that exist on POSIX systems alone.
POSIX_ONLY = (
    "fcntl",
    "grp",
    "posix",
    "pwd",
    "pty",
    "resource",
    "syslog",
    "termios",
    "tty",
    "readline",
    "crypt",
)

#: What would make a stub slow.
LARGE = ("argparse", "asyncio", "collections", "contextlib", "dataclasses", "functools", "hashlib", "json", "logging",
         "msgspec", "pathlib", "re", "redis", "socket", "ssl", "subprocess", "typing", "urllib.parse", "yaml",
         "zlib")  # fmt: skip

STUBS = "import producers.smart_response.main, workers.ledger.spool"

#: Refuses those modules to whatever of ours asks for them; libraries choose by the system themselves.
GUARD = f"""
import builtins
real = builtins.__import__
def guarded(name, globals=None, *rest):
    asking = (globals or {{}}).get("__name__", "")
    assert not (asking.startswith(("producers", "workers")) and name in {POSIX_ONLY!r}), (asking, name)
    return real(name, globals, *rest)
builtins.__import__ = guarded
"""


def python(code: str, *options: str, folder: Path | None = None) -> str:
    """What a fresh interpreter prints for `code`; in an isolated one ours are in `folder`."""
    ours = f"import sys; sys.path.insert(0, {str(folder)!r})\n" if folder else ""
    done = subprocess.run(
        [sys.executable, *options, "-c", ours + code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_stubs_start_where_no_posix_module_exists() -> None:
    # `os` is loaded by the interpreter itself; every later import of `posix` is refused.
    refuse = f"import sys\n[sys.modules.__setitem__(name, None) for name in {POSIX_ONLY!r}]"
    assert python(f"{refuse}\n{STUBS}\nprint('started')") == "started\n"


def test_nothing_of_ours_that_a_stub_may_need_imports_a_posix_module() -> None:
    others = (
        "producers.smart_response.job, workers.settings.model, workers.ledger.admin, workers.ledger.ledger"
    )
    assert python(f"{GUARD}\n{STUBS}, {others}\nprint('imported')") == "imported\n"


@pytest.mark.parametrize("more", ["", ", producers.smart_response.tls"])
def test_the_stubs_import_nothing_large(more: str) -> None:
    names = python(f"{STUBS}{more}\nimport sys\nprint(*sys.modules)", "-I", "-S", folder=ROOT)
    assert set(LARGE) & set(names.split()) == set()


def test_a_stub_needs_no_table_of_types_for_the_usual_ones() -> None:
    loaded = python(
        f"{STUBS}\nimport sys\nprint('workers.indicators.types' in sys.modules, 'difflib' in sys.modules)"
    )
    assert loaded == "False False\n"
    assert set(USUAL_TYPES) <= set(INDICATOR_TYPES)
