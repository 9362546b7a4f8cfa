"""The few settings of a stub, read without a YAML library wherever that says the same.

What is not plain to read here is left to `workers.settings.loading`, which also has the words for what is wrong.

A JSON snapshot beside `tq.yaml`, written by `load()`, would not be faster and is less safe. Measured (median of 20
starts): bare Python 11.5 ms, with this reader 24.9 ms, with a snapshot 24.9 ms, with `load()` 69.1 ms. A service
account that may not write into the folder would pay the 44 ms at each click; Redis' password would lie in a second
file; and an edit that keeps size and time (`cp -p`, a restored backup) would leave the old password in use.
"""

from __future__ import annotations

import os

from workers.core import light_json
from workers.core.errors import ConfigError
from workers.ledger.accept import NO_REPLICAS, Replicas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.settings.loading import Loaded

#: The settings that a stub needs, with their defaults as text; a test holds them against the model.
DEFAULTS = {
    "redis_url": "redis://127.0.0.1:6379/0",
    "wait_s": "25",
    "spool_dir": "",
    "max_open_jobs": "100000",
    "memory_percent": "70",
    "accept_replicas": "0",
    "accept_wait_ms": "500",
}

FILE_NAME = "tq.yaml"

#: Characters that may mean something to YAML in a bare value; without them it is the text that stands there.
_NOT_PLAIN = frozenset(" #\"'{}[]&*!|>%@`,?~\\\t")


class StubSettings:
    """What a stub must know: Redis, how long to wait, where to keep jobs while Redis is away.

    `folder` is where `tq.yaml` lies, "" where there is none; `warnings` are shown in each run.
    """

    __slots__ = (
        "folder",
        "max_open_jobs",
        "memory_percent",
        "redis_url",
        "replicas",
        "spool_dir",
        "wait_s",
        "warnings",
    )

    def __init__(
        self,
        redis_url: str,
        *,
        wait_s: float = 25.0,
        spool_dir: str = "",
        max_open_jobs: int = 100_000,
        memory_percent: float = 70.0,
        replicas: Replicas = NO_REPLICAS,
        folder: str = "",
        warnings: Sequence[str] = (),
    ) -> None:
        self.redis_url, self.wait_s, self.spool_dir, self.folder = redis_url, wait_s, spool_dir, folder
        self.max_open_jobs, self.memory_percent, self.replicas = max_open_jobs, memory_percent, replicas
        self.warnings = warnings


def read_settings(folder: str, environ: Mapping[str, str]) -> StubSettings:
    """Read the settings from `folder` ("": the current one) and the environment; raises ConfigError."""
    path = _path(folder)
    if folder and not os.path.exists(path) and not _names_redis(environ):
        raise ConfigError(f"there is no {path}; name the folder of tq.yaml with -c, or set TQ_REDIS_URL")
    quick = _quick(path, environ)
    if quick is not None:
        try:
            return _checked(quick, path)
        except ValueError:
            pass
    from workers.settings.loading import load, unverified_redis

    loaded = load(folder or None, environ)
    return _of(loaded, unverified_redis(loaded.settings))


def _names_redis(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("TQ_REDIS_URL") or environ.get("TQ_REDIS_URL_FILE"))


def _path(folder: str) -> str:
    """Return where the file is or would be; `folder` may name the file itself."""
    chosen = os.path.expanduser(folder)
    return chosen if os.path.basename(chosen) == FILE_NAME else os.path.join(chosen, FILE_NAME)


def _of(loaded: Loaded, warnings: Sequence[str]) -> StubSettings:
    settings = loaded.settings
    return StubSettings(
        settings.redis_url,
        wait_s=settings.wait_s,
        spool_dir=settings.spool_dir,
        max_open_jobs=settings.max_open_jobs,
        memory_percent=settings.memory_percent,
        replicas=Replicas(settings.accept_replicas, settings.accept_wait_ms),
        folder=str(loaded.path.parent) if loaded.has_file else "",
        warnings=warnings,
    )


def _checked(texts: dict[str, str], path: str) -> StubSettings:
    """Convert the texts; raises ValueError for what the model may refuse."""
    wait_s, most, percent = (
        float(texts["wait_s"]),
        int(texts["max_open_jobs"]),
        float(texts["memory_percent"]),
    )
    replicas = Replicas(int(texts["accept_replicas"]), int(texts["accept_wait_ms"]))
    if not (replicas.count >= 0 and 0 < replicas.within_ms <= 1000):
        raise ValueError
    if _may_switch_verification_off(texts["redis_url"]):
        raise ValueError
    if not (0 <= wait_s < 1e9 and most > 0 and 0 < percent <= 100 and "://" in texts["redis_url"]):
        raise ValueError
    return StubSettings(
        texts["redis_url"],
        wait_s=wait_s,
        spool_dir=texts["spool_dir"],
        max_open_jobs=most,
        memory_percent=percent,
        replicas=replicas,
        folder=(os.path.dirname(path) or ".") if os.path.isfile(path) else "",
    )


def _may_switch_verification_off(url: str) -> bool:
    """Tell whether the model has to look at the TLS options, which it refuses or warns of."""
    pairs = [pair.partition("=") for pair in url.partition("?")[2].split("&")]
    return any(
        "%" in name or (name in ("ssl_cert_reqs", "ssl_check_hostname") and value not in ("required", "true"))
        for name, _, value in pairs
    )


def _quick(path: str, environ: Mapping[str, str]) -> dict[str, str] | None:
    """Return the settings as text, or None where `load` has to read them."""
    texts = dict(DEFAULTS)
    in_file = _from_file(path)
    if in_file is None:
        return None
    texts.update((name, in_file[name]) for name in DEFAULTS if name in in_file)
    for name in DEFAULTS:
        variable = f"TQ_{name.upper()}"
        if environ.get(variable):
            texts[name] = environ[variable]
        elif environ.get(f"{variable}_FILE"):
            text = _text_of(environ[f"{variable}_FILE"])
            if text is None:
                return None
            texts[name] = text.removesuffix("\n")
    return texts


def _from_file(path: str) -> dict[str, str] | None:
    """Return what the file says; {} where there is none, None where it is not plain or others may read it."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return {}
    except OSError:
        return None
    text = _text_of(path) if os.name != "posix" or not mode & 0o077 else None
    if text is None:
        return None
    values: dict[str, str] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, separator, rest = line.partition(": ")
        value = _value(rest.strip()) if separator and name.isidentifier() and name not in values else None
        if value is None:
            return None
        values[name] = value
    return values if values.pop("version", "1") == "1" else None


def _value(text: str) -> str | None:
    if text[:1] == '"':
        try:
            value = light_json.read(text)
        except ValueError:
            return None
        return value if isinstance(value, str) else None
    plain = (
        text and text.isascii() and not set(text) & _NOT_PLAIN and text[0] not in "-:=<" and text[-1] != ":"
    )
    return text if plain and text.lower() != "null" else None


def _text_of(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return None
