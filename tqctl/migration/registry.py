"""The registry key of ThreatQuotient's LogRhythm connector: where its folders are, on Windows or in an exported file.

The guide says what is kept there and where, not the names of the values: those in NAMES are our guess.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from producers.cli.remembered import REGISTRY_KEY
from workers.core.errors import InputError
from workers.settings.page_fields import plain

FIELD = "--registry"

#: What is kept, and the names that its value may have, without blanks and case.
NAMES = {
    "config": ("config", "configpath", "configlocation", "configfolder", "configdir"),
    "loglocation": ("loglocation", "log", "logs", "logpath", "logfolder", "logdir"),
    "verbosity": ("verbosity", "verbositylevel", "loglevel", "v"),
}

#: First lines of an export, and how bytes in it are encoded that stand for text.
_HEADS = {"Windows Registry Editor Version 5.00": "utf-16-le", "REGEDIT4": "cp1252"}

#: Bytes of the largest export that is read: one of a whole hive is not what is asked for.
MOST_BYTES = 16_777_216


def read_export(path: Path) -> dict[str, str]:
    """Return config, loglocation and verbosity as an exported `.reg` file has them; those that it has.

    Raises InputError for a file that cannot be read, is no export, or does not hold the key.
    """
    lines = _whole_lines(_decoded(path))
    encoding = _HEADS.get(next(lines, "").strip())
    if encoding is None:
        raise InputError(f"{path} is no export of a registry; make one in regedit: File, Export", field=FIELD)
    values: list[tuple[str, str]] | None = None
    is_inside = False
    for line in lines:
        if line.startswith("["):
            is_inside = _is_ours(line)
            values = values or [] if is_inside else values
        elif is_inside and values is not None and line.startswith('"'):
            name, _, data = line[1:].partition('"=')
            values.append((name, _text(data.strip(), encoding)))
    if values is None:
        raise InputError(
            rf"{path} does not hold the key HKEY_LOCAL_MACHINE\{REGISTRY_KEY}; select it before the export",
            field=FIELD,
        )
    return _known(values)


def read_registry(winreg: Any) -> dict[str, str]:
    """Return the same from the registry of this machine; `winreg` is that module or one with its interface."""
    values: list[tuple[str, str]] = []
    for view in (winreg.KEY_WOW64_64KEY, winreg.KEY_WOW64_32KEY):
        access = winreg.KEY_READ | view
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, REGISTRY_KEY, 0, access) as key:
            entries = (winreg.EnumValue(key, index) for index in range(winreg.QueryInfoKey(key)[1]))
            values += [(str(name), str(value)) for name, value, _ in entries]
    return _known(values)


def _decoded(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is too large; export the one key alone", field=FIELD)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", field=FIELD) from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    raise InputError(f"{path} is no text in UTF-16, UTF-8 or Windows' own code", field=FIELD)


def _whole_lines(text: str) -> Iterator[str]:
    """Yield lines; one that ends in a backslash goes on in the next."""
    begun = ""
    for line in text.splitlines():
        if line.endswith("\\"):
            begun += line[:-1].strip()
        elif line.strip():
            yield begun + line.strip()
            begun = ""


def _is_ours(line: str) -> bool:
    """Tell whether a section is the connector's key, in the view of 64-bit or 32-bit programs; a removed one is not."""
    name = line.strip("[]").replace("\\WOW6432Node", "").casefold()
    return name == f"hkey_local_machine\\{REGISTRY_KEY}".casefold()


def _text(data: str, encoding: str) -> str:
    """Return a value as text: a string, a number, or the bytes of an expandable string."""
    if data.startswith('"'):
        return data.strip('"').replace('\\"', '"').replace("\\\\", "\\")
    kind, _, rest = data.partition(":")
    with suppress(ValueError):
        if kind == "dword":
            return str(int(rest, 16))
        if kind in ("hex(1)", "hex(2)"):
            return bytes.fromhex(rest.replace(",", " ")).decode(encoding).rstrip("\0")
    return ""


def _known(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    by_name = {name: kept for kept, names in NAMES.items() for name in names}
    return {by_name[plain(name)]: text for name, text in values if plain(name) in by_name and text}
