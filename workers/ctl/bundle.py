"""`tqctl support-bundle`: what support asks for first, in one archive, without a secret and without a payload."""

from __future__ import annotations

import io
import json
import platform
import tarfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from producers.console import note
from workers.ctl import capacity, config
from workers.ctl.check import check
from workers.ctl.control import queues_by_worker
from workers.ctl.masking import Mask
from workers.ctl.records import summaries
from workers.ctl.shell import Shell
from workers.errors import InputError, TqError
from workers.files import write_whole
from workers.ledger.health import health
from workers.ledger.overview import overview

#: Bytes of each log file that are taken, from its end; and dead letters that are listed.
LOG_BYTES, DEAD_LISTED = 2_000_000, 200


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--out", type=Path, help="file to write (default: tq-support-<time>.tar.gz)")
    parser.add_argument(
        "--logs",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder of log files to add (log_location is added by itself)",
    )


def run(shell: Shell, options: Namespace) -> int:
    """Write the archive; what cannot be found out is said in its place."""
    out: Path = options.out or Path(time.strftime("tq-support-%Y%m%dT%H%M%SZ.tar.gz", time.gmtime()))
    mask = Mask.of(shell)
    files = {name: mask(text) for name, text in _files(shell, options.logs)}
    try:
        write_whole(str(out), _packed(files))
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}", field="--out") from error
    note("Look into it before you send it: titles of events and reasons of refusals are in it.")
    shell.show({"file": str(out), "holds": sorted(files)}, lambda value: [f"Written: {value['file']}"])
    return 0


def _files(shell: Shell, folders: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    parts: dict[str, Callable[[], Any]] = {
        "check": lambda: [to_builtins(line) for line in check(shell)],
        "status": lambda: to_builtins(overview(shell.desk.redis)),
        "workers": lambda: queues_by_worker(shell.settings.redis_url),
        "config": lambda: config.effective(shell.loaded),
        "capacity": lambda: [to_builtins(limit) for limit in capacity.limits(shell)],
        "counts": lambda: dict(shell.desk.counts()),
        "redis": lambda: to_builtins(health(shell.desk.redis)),
        "dead": lambda: summaries(shell.desk.records(shell.desk.ids("dead", most=DEAD_LISTED))),
        "versions": _versions,
    }
    for name, find in parts.items():
        yield f"{name}.json", json.dumps(_found(find), indent=2, default=str)
    yield from _logs(shell, folders)


def _found(find: Callable[[], Any]) -> Any:
    try:
        return find()
    except TqError as error:
        return {"not_found_out": str(error)}


def _versions() -> dict[str, Any]:
    packages = {one.metadata["Name"]: one.version for one in distributions()}
    system = {"python": platform.python_version(), "system": platform.platform()}
    return {**system, "packages": dict(sorted(packages.items()))}


def _logs(shell: Shell, folders: list[Path]) -> Iterator[tuple[str, str]]:
    try:
        location = shell.settings.log_location
    except TqError:
        location = ""
    known = [Path(location)] if location and Path(location).is_dir() else []
    for number, folder in enumerate(dict.fromkeys((*known, *folders))):
        for file in sorted(folder.glob("*.log*")):
            yield f"logs/{number}/{file.name}", _end_of(file)


def _end_of(file: Path) -> str:
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - LOG_BYTES))
            return log.read(LOG_BYTES).decode(errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _packed(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode()
            entry = tarfile.TarInfo(f"tq-support/{name}")
            entry.size, entry.mode, entry.mtime = len(data), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
