"""What to install where the libraries of a part are not there."""

from __future__ import annotations

from importlib.util import find_spec

from workers.core.errors import ConfigError


def not_installed(part: str, library: str | None, extra: str = "") -> ConfigError:
    """Return what a part of ours says that lacks a library; without an `extra`, it comes with the package itself."""
    package = f"tq-workers[{extra}]" if extra else "tq-workers"
    return ConfigError(f'{part} needs {library}, which is not installed here; pip install "{package}"')


def need(part: str, library: str, extra: str) -> None:
    """Raise ConfigError where a library is not installed that an extra brings."""
    if find_spec(library) is None:
        raise not_installed(part, library, extra)
