"""`tqctl support-bundle`: what support asks for first, in one archive, without a secret and without a payload.

Secrets are starred wherever they stand: those that are known by value, and whatever looks like one.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import tarfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from msgspec import to_builtins

from producers.cli.console import note
from tqctl import capacity, config
from tqctl.check import check
from tqctl.job_text import summaries
from tqctl.queues import queues_by_worker
from tqctl.shell import Shell
from workers.core.errors import ConfigError, InputError, TqError
from workers.core.files import write_whole
from workers.ledger.overview import overview
from workers.ledger.status import health
from workers.settings.model import Secret, fields
from workers.telemetry.logs import SECRET_NAME, masked

#: Bytes of each log file that are taken, from its end; and dead letters that are listed.
LOG_BYTES, DEAD_LISTED = 2_000_000, 200

#: Shorter values are not looked for: stars over every "a" would leave nothing to read.
SHORTEST = 4

#: What secrets are called.
_NAME = rf"(?:{SECRET_NAME.pattern}|pwd)"

#: What stands between the name of a secret and its value.
_IS = r"[\w-]{0,40}\\?[\"']?\s*[:=]\s*"

#: `password: "x y"`, `"token": "x"`, `\\"token\\": \\"x y\\"`: up to the quotation mark that closes it.
_QUOTED = re.compile(
    rf"""(?i)({_NAME}{_IS})(?:(\\")[^"\n]*+"|(")(?:[^"\\\n]++|\\.)*+"|(')[^'\n]*+')""",
)

#: `password: x`, `api_key=x`, `x-auth-token: x` in free text.
_NAMED = re.compile(rf"(?i)({_NAME}{_IS})(\\?[\"'])?([^\s\"'\\,;&}}\]]+)")

#: `Cookie: a=b; c=d`, up to where its text ends; and our own cookies, wherever they stand.
_COOKIES = re.compile(r"(?i)(cookie\s*[:=]\s*)([^\s\"'\\][^\"'\\\n]*)")

_OUR_COOKIES = re.compile(r"\b((?:__Host-)?tq(?:-form)?=)[\w-]+")

#: Keys and certificates, also one that is cut off; line ends may be escaped.
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", re.DOTALL)

#: What a JSON Web Token is made of, as much of it as there is.
_RUN = re.compile(r"[\w.-]{12,}+")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run)
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
        "status": lambda: to_builtins(overview(shell.admin.redis)),
        "workers": lambda: queues_by_worker(shell.settings.redis_url),
        "config": lambda: config.effective(shell.loaded),
        "capacity": lambda: [to_builtins(limit) for limit in capacity.limits(shell)],
        "counts": lambda: dict(shell.admin.counts()),
        "redis": lambda: to_builtins(health(shell.admin.redis)),
        "dead": lambda: summaries(shell.admin.records(shell.admin.ids("dead", most=DEAD_LISTED))),
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
    packages = {package.metadata["Name"]: package.version for package in distributions()}
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


def _without_token(run: re.Match[str]) -> str:
    """Return a run of letters and dots with stars over the JSON Web Token in it."""
    before, begins, rest = run[0].partition("eyJ")
    return f"{before}***" if begins and rest.count(".") >= 2 else run[0]


def _closed(match: re.Match[str]) -> str:
    mark = next(filter(None, match.groups()[1:]))
    return f"{match[1]}{mark}***{mark}"


class Mask:
    """Masks texts; `known` are the secrets by value."""

    def __init__(self, known: Iterable[str]) -> None:
        spelt = {form for value in known for form in _spellings(value) if len(form) >= SHORTEST}
        self._known = sorted(spelt, key=len, reverse=True)

    @classmethod
    def of(cls, shell: Shell, environ: Mapping[str, str] = os.environ) -> Mask:
        """Return what masks the secrets of the settings and of the environment."""
        return cls({*_of_settings(shell), *_of_environment(environ)})

    def __call__(self, text: str) -> str:
        """Return `text` with stars where a secret stood."""
        for secret in self._known:
            text = text.replace(secret, "***")
        text = _RUN.sub(_without_token, _PEM.sub("***", text))
        text = _OUR_COOKIES.sub(r"\1***", _COOKIES.sub(r"\1***", str(masked(text))))
        text = _QUOTED.sub(_closed, text)
        return _NAMED.sub(lambda match: f"{match[1]}{match[2] or ''}***", text)


def _of_settings(shell: Shell) -> set[str]:
    try:
        settings = shell.settings
    except ConfigError:
        return set()
    values = [getattr(settings, name) for name in fields()]
    secrets = {value.reveal() for value in values if isinstance(value, Secret)}
    # Of several tokens in one setting, each by itself.
    secrets |= {part for value in secrets for part in re.split(r"[,:\s]+", value)}
    return secrets | {_password(value) for value in values if isinstance(value, str) and "://" in value}


def _of_environment(environ: Mapping[str, str]) -> set[str]:
    named = {value for name, value in environ.items() if SECRET_NAME.search(name)}
    return named | {_password(value) for value in environ.values() if "://" in value}


def _password(url: str) -> str:
    """Return the password of a URL, also of one that cannot be read; "" where it has none."""
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]


def _spellings(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, in JSON, and without the escapes of a URL."""
    return {secret, json.dumps(secret)[1:-1], unquote(secret)}
