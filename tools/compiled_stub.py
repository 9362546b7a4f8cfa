"""Compile the Smart Response commands for Windows and Linux: `python -m tools.compiled_stub FOLDER`, or `make stub`.

One program, which is each of the six commands by its name. The compiler is Zig's, from the package `ziglang`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from producers.smart_response.commands import ACTIONS
from sandbox.launch.processes import ROOT

SOURCE = ROOT / "producers" / "smart_response" / "compiled" / "stub.c"

#: For each system: the compiler's name of it, the ending of a program, and the libraries that it needs.
SYSTEMS = {
    "windows": ("x86_64-windows-gnu", ".exe", ("-lws2_32", "-ladvapi32")),
    # The oldest C library of a Linux in use. A static program could not load OpenSSL.
    "linux": ("x86_64-linux-gnu.2.17", "", ("-ldl",)),
}


def build(folder: Path, system: str) -> None:
    """Put the six commands for `system` into `folder`; raises CalledProcessError."""
    target, ending, libraries = SYSTEMS[system]
    folder.mkdir(parents=True, exist_ok=True)
    first, *others = (folder / f"{command}{ending}" for command in ACTIONS)
    options = ("-target", target, "-std=c11", "-D_GNU_SOURCE", "-O2", "-s", "-Wall", "-Wextra", "-Werror")
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", *options, SOURCE, *libraries, "-o", first], check=True
    )
    for command in others:
        shutil.copy2(first, command)
    print(f"{folder}: {len(ACTIONS)} commands of {first.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Compile for every system."""
    for system in SYSTEMS:
        build(Path(sys.argv[1]) / system, system)


if __name__ == "__main__":
    main()
