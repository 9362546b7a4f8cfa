"""Where settings come from: the environment over files that it names over `tq.yaml`, as text."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.core.redis_tls import unverified, warning
from workers.core.urls import shown_url, tls_options, without_passwords
from workers.settings import file as settings_file
from workers.settings.file import is_there
from workers.settings.model import PREFIX, Secret, Settings, env_name, fields
from workers.settings.values import Given, to_value

#: Names below PREFIX that are no settings but part of the commands.
OTHER_NAMES = frozenset({"TQ_CONFIG", "TQ_PAYLOAD"})

#: Settings by the names that they had before, under which they are still read.
FORMER_NAMES = {"keep_done_days": "keep_bodies_days"}


class Loaded(Struct, frozen=True):
    """The settings, where each one that was given came from, and where `tq.yaml` is or would be.

    `warnings` are for the operator who runs the command.
    """

    settings: Settings
    origins: dict[str, str]
    path: Path
    has_file: bool
    warnings: tuple[str, ...] = ()

    def shown(self, name: str) -> str:
        """Return the value of setting `name` as it may be shown: secrets and passwords as stars."""
        value = getattr(self.settings, name)
        if isinstance(value, Secret):
            return "***" if value else ""
        if name.endswith(("_url", "_proxy")):
            return shown_url(value)
        return str(value).lower() if isinstance(value, bool) else without_passwords(str(value))


def load(config_dir: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read the settings: environment over `TQ_…_FILE` over `tq.yaml` in `config_dir` over defaults.

    Raises ConfigError, which names the setting, where its value came from, and what is accepted.
    """
    annotations = fields()
    path = config_path(config_dir, environ)
    given = collect(annotations, path, environ)
    values = {name: to_value(name, text, annotations[name]) for name, text in given.items()}
    settings = Settings(**values)
    return Loaded(
        settings=settings,
        origins={name: text.origin for name, text in given.items()},
        path=path,
        has_file=is_there(path),
        warnings=(*misspelt(annotations, environ), *unverified_redis(settings)),
    )


def config_path(folder: str | Path | None, environ: Mapping[str, str]) -> Path:
    """Return where `tq.yaml` is looked for: in `folder`, else in TQ_CONFIG's, else in the current one."""
    chosen = Path(folder or environ.get("TQ_CONFIG") or ".").expanduser()
    if chosen.name == settings_file.FILE_NAME:
        return chosen
    if chosen.is_file():
        raise ConfigError(f"{chosen} is a file; name the folder that holds {settings_file.FILE_NAME}")
    return chosen / settings_file.FILE_NAME


def collect(names: Collection[str], path: Path, environ: Mapping[str, str]) -> dict[str, Given]:
    """Return what was given for each of `names`; an empty environment variable counts as not given.

    Raises ConfigError for a key of the file that is no setting, and for a file that cannot be read.
    """
    given = _from_file(names, path) if settings_file.is_there(path) else {}
    for name in (*FORMER_NAMES, *names):
        from_environment = _from_environment(name, environ)
        if from_environment is not None:
            given[FORMER_NAMES.get(name, name)] = from_environment
    return given


def misspelt(names: Collection[str], environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each TQ_ variable that is no setting but looks much like one."""
    known = {env_name(name) for name in (*names, *FORMER_NAMES)}
    known |= {f"{name}_FILE" for name in known} | OTHER_NAMES
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    guesses = ((name, get_close_matches(name, known, n=1, cutoff=0.8)) for name in strange)
    return [
        f"{name} is no setting and is ignored; did you mean {guess[0]}?" for name, guess in guesses if guess
    ]


def unverified_redis(settings: Settings) -> list[str]:
    """Return a warning for each Redis whose TLS does not verify the server."""
    options = (
        (name, unverified(tls_options(getattr(settings, name)))) for name in ("redis_url", "ingest_redis_url")
    )
    return [f"{name}: {warning(option)}" for name, option in options if option]


def _from_file(names: Collection[str], path: Path) -> dict[str, Given]:
    given = {}
    for written, line in settings_file.read(path).items():
        name = FORMER_NAMES.get(written, written)
        if name not in names:
            guess = get_close_matches(name, names, n=1)
            hint = f"did you mean {guess[0]}?" if guess else "see docs/settings.md for all of them"
            raise ConfigError(f"{path}:{line.number} is no setting; {hint}", field=name)
        given[name] = Given(line.text, f"{path}:{line.number}")
    return given


def _from_environment(name: str, environ: Mapping[str, str]) -> Given | None:
    variable = env_name(name)
    if environ.get(variable):
        return Given(environ[variable], variable)
    file = environ.get(f"{variable}_FILE")
    if not file:
        return None
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{variable}_FILE names {file}: {error.strerror}", field=name) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{variable}_FILE names {file}, which is not UTF-8 text", field=name) from error
    return Given(text.removesuffix("\n"), f"{file} ({variable}_FILE)")
