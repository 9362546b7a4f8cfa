"""The settings as they go into a backup: `tq.yaml` with all that was given, and the folders of files that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from workers.backup.format import FilePart
from workers.core.errors import InputError
from workers.core.files import write_whole
from workers.settings.file import FILE_NAME, render
from workers.settings.loading import Loaded
from workers.settings.model import Secret

#: Settings that name a folder of files which belong to them, and which files.
FOLDERS = {"mappings_dir": "*.y*ml", "known_good_dir": "*.txt"}

#: Bytes of such a file up to which it is taken.
MOST_FILE = 1_048_576


class GivenSettings(Struct, frozen=True):
    """The files, and the names of settings that were left out, as they are secret and the backup is not encrypted."""

    files: list[FilePart]
    left_out: list[str]


def gathered(loaded: Loaded, *, with_secrets: bool) -> GivenSettings:
    """Return what was given by `tq.yaml`, files and the environment alike; raises InputError for a file."""
    secret = {name for name in loaded.origins if _is_secret(loaded, name)}
    wanted = sorted(loaded.origins.keys() if with_secrets else loaded.origins.keys() - secret)
    text = render({name: _text(getattr(loaded.settings, name)) for name in wanted})
    files = [FilePart(FILE_NAME, text.encode()), *_folders(loaded)]
    return GivenSettings(files, [] if with_secrets else sorted(secret))


def places(files: list[FilePart], folder: Path) -> list[Path]:
    """Return where below a folder the files would lie; raises InputError where one of them is there already."""
    paths = [folder / file.name for file in files]
    if outside := next((path for path in paths if not path.resolve().is_relative_to(folder.resolve())), None):
        raise InputError(f"the backup names {outside}, which is not below {folder}; it was not made by us")
    if there := next((path for path in paths if path.exists()), None):
        raise InputError(f"{there} is there already; name another folder", field="--settings-to")
    return paths


def write_files(files: list[FilePart], paths: list[Path]) -> None:
    """Write each file to its place, readable by its owner alone; raises InputError."""
    for path, file in zip(paths, files, strict=True):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(str(path), file.content)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}", field="--settings-to") from error


def _is_secret(loaded: Loaded, name: str) -> bool:
    """Tell whether the value of a setting is secret, or an address with a password in it."""
    value = getattr(loaded.settings, name)
    return isinstance(value, Secret) or loaded.shown(name) != _text(value)


def _text(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _folders(loaded: Loaded) -> Iterator[FilePart]:
    for name, pattern in FOLDERS.items():
        folder = getattr(loaded.settings, name)
        for path in sorted(Path(folder).glob(pattern)) if folder else ():
            try:
                content = path.read_bytes()
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}", field=name) from error
            if len(content) > MOST_FILE:
                raise InputError(f"{path} has more than {MOST_FILE} bytes; it is no such file", field=name)
            yield FilePart(f"{name}/{path.name}", content)
