"""What each extra brings, installed into an empty folder and measured: `python -m tools.extras` rewrites the table."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "production.md"

#: Where the table stands on the page.
PLACE = re.compile(r"(?<=<!-- extras -->\n).*?(?=<!-- end of extras -->)", re.DOTALL)


class Part(NamedTuple):
    """What a machine is for, and what pip is given for it."""

    machine: str
    words: str


#: Every extra is in one of them.
PARTS = (
    Part(
        "LogRhythm's Smart Response commands; payloads [through HTTP](http.md#payloads-without-libraries): "
        "no library, nothing compiled",
        "--no-deps tq-workers",
    ),
    Part("workers, beat, `tqctl`, the connectors' commands, `tq-redis-bridge`", "tq-workers"),
    Part("the same, with the HTTP entry point and the status page", "tq-workers[http]"),
    Part("the same, with Flower", "tq-workers[flower]"),
    Part(
        "the same, where content is encrypted in Redis (`TQ_ENCRYPTION_KEYS_FILE`)", "tq-workers[encryption]"
    ),
    Part("the same, where encrypted [backups](backup.md) are made or put back", "tq-workers[backup]"),
    Part("the same, with a Redis-compatible server in a wheel (not on Windows)", "tq-workers[valkey]"),
    Part("the same, with traces (`TQ_OTLP_ENDPOINT`), which need nothing more", "tq-workers[otel]"),
    Part("the simulated services, `tqctl demo` and `tqctl up`", "tq-workers[sandbox]"),
    Part("everything", "tq-workers[all]"),
)


def main() -> None:
    """Measure each part and write the table."""
    with tempfile.TemporaryDirectory(prefix="tq-extras-") as folder:
        pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
        subprocess.run((*pip, "--wheel-dir", folder, ROOT), check=True)
        (wheel,) = Path(folder).glob("*.whl")
        rows = [row(part, installed(part, wheel, Path(folder) / str(n))) for n, part in enumerate(PARTS)]
    head = "| machine | `pip install` | packages | MB |\n|---|---|---|---|\n"
    table = head + "".join(f"{line}\n" for line in rows)
    PAGE.write_text(PLACE.sub(lambda _: table, PAGE.read_text()))
    print(table, end="")


def installed(part: Part, wheel: Path, folder: Path) -> Path:
    """Install a part into an empty folder, in the locked versions."""
    *options, package = part.words.split()
    uv = (Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--target", folder)
    chosen = f"{package} @ {wheel.as_uri()}"
    subprocess.run((*uv, "--constraint", ROOT / "requirements.lock", *options, chosen), check=True)
    return folder


def row(part: Part, folder: Path) -> str:
    """Return the line of a part: packages, ours included, and the size of their files."""
    packages = len(list(folder.glob("*.dist-info")))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    words = part.words if "[" not in part.words else f'"{part.words}"'
    return f"| {part.machine} | `{words}` | {packages} | {size / 1e6:.1f} |"


if __name__ == "__main__":
    main()
