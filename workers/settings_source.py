"""Where settings come from: the environment over files that it names over `tq.yaml`, as text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from workers import settings_file
from workers.errors import ConfigError

PREFIX = "TQ_"

#: Names below PREFIX that are no settings but part of the commands.
OTHER_NAMES = frozenset({"TQ_CONFIG", "TQ_PAYLOAD"})


class Given(Struct, frozen=True):
    """The text that was given for a setting, and where: a variable's name, or file and line."""

    text: str
    origin: str


def env_name(setting: str) -> str:
    """Return the environment variable of `setting`."""
    return PREFIX + setting.upper()


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
    for name in names:
        found = _from_environment(name, environ)
        if found is not None:
            given[name] = found
    return given


def misspelt(names: Collection[str], environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each TQ_ variable that is no setting but looks much like one."""
    known = {env_name(name) for name in names}
    known |= {f"{name}_FILE" for name in known} | OTHER_NAMES
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    guesses = ((name, get_close_matches(name, known, n=1, cutoff=0.8)) for name in strange)
    return [
        f"{name} is no setting and is ignored; did you mean {guess[0]}?" for name, guess in guesses if guess
    ]


def _from_file(names: Collection[str], path: Path) -> dict[str, Given]:
    given = {}
    for name, line in settings_file.read(path).items():
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
