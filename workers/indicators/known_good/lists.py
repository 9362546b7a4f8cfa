"""Lists of known values as text files: those that are shipped, and a folder of the user's own.

One value a line: an address, a network or a range; a name (`.name`: it and all below it); `@name` for e-mail
addresses; a hash, a URL, any other text. `# key: value` lines say what the list is; other `#` lines are comments.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from workers.core.errors import ConfigError
from workers.indicators.addresses import read_range
from workers.indicators.known_good.model import About, KnownList, fold_text, plain_name

SHIPPED = Path(__file__).parent / "lists"

#: The setting that names the folder of the user's own lists.
FIELD = "known_good_dir (TQ_KNOWN_GOOD_DIR)"

#: Bytes of a file above which it is no list of known values.
MOST_BYTES = 67_108_864

_HEADER = re.compile(r"#[ \t]?([a-z]{2,12}):[ \t]?(.{0,300})")

#: What may be an address, a network or a range; a name of these letters alone ("abc.de") is told apart by reading it.
_ADDRESSES = re.compile(r"[0-9a-fA-F:]{0,4}[.:][0-9a-fA-F.:/*–-]*")


def read_list(name: str, text: str) -> KnownList:
    """Read the text of a list.

    Raises ConfigError that names the list and what of its head is wrong.
    """
    head: dict[str, str] = {}
    values: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if line and line[0] != "#":
            values.append(line)
        elif header := _HEADER.fullmatch(line):
            head[header[1]] = header[2].strip()
    try:
        return list_of(name, values, msgspec.convert(head, About))
    except msgspec.ValidationError as error:
        raise ConfigError(f"the list {name}: {error}", field=FIELD) from error


def list_of(name: str, values: Iterable[str], about: About) -> KnownList:
    """Sort `values` by what they are."""
    ranges: list[tuple[int, int]] = []
    sets: dict[str, set[str]] = {kind: set() for kind in ("names", "zones", "mail_zones", "texts")}
    for value in values:
        reach = read_range(value) if _ADDRESSES.fullmatch(value) else None
        if reach:
            ranges.append(reach)
        else:
            kind, entry = _sorted(value)
            sets[kind].add(entry)
    return KnownList(
        name, about, tuple(ranges), **{kind: frozenset(entries) for kind, entries in sets.items()}
    )


def _sorted(value: str) -> tuple[str, str]:
    name = value.lower().rstrip(".")
    if "/" in name or " " in name or "@" in name[1:] or "\\" in name:
        return "texts", fold_text(value)
    if not name.isascii():
        # As values are looked up: in the letters that DNS knows.
        sign = name[0] if name[0] in ".@" else ""
        name = sign + plain_name(name.removeprefix(sign))
    if name[:1] in (".", "@"):
        return ("zones" if name[0] == "." else "mail_zones"), name[1:]
    if name[:2] == "*.":
        return "zones", name[2:]
    # A hash has no dot; neither has a host name, which is looked for among the names.
    return ("names" if "." in name or len(name) < 32 else "texts"), name


@lru_cache(maxsize=1)
def shipped_lists() -> tuple[KnownList, ...]:
    """Return the lists of this package."""
    return tuple(read_list(path.stem, path.read_text("utf-8")) for path in sorted(SHIPPED.glob("*.txt")))


class ListFile(NamedTuple):
    """A file of a user's own list, as it was when it was looked at."""

    path: str
    changed_ns: int
    size: int


def list_files(folder: str) -> tuple[ListFile, ...]:
    """Return the lists (`*.txt`) of a folder; none where `folder` is empty.

    Raises ConfigError for a folder that cannot be read.
    """
    if not folder:
        return ()
    try:
        with os.scandir(folder) as entries:
            files = [(entry.path, entry.stat()) for entry in entries if entry.name.endswith(".txt")]
    except OSError as error:
        raise _unreadable(folder, error.strerror or "") from error
    return tuple(sorted(ListFile(path, state.st_mtime_ns, state.st_size) for path, state in files))


@lru_cache(maxsize=64)
def read_file(file: ListFile) -> KnownList:
    """Read a list of a user's own.

    Raises ConfigError that names the file.
    """
    if file.size > MOST_BYTES:
        raise _unreadable(file.path, f"it has more than {MOST_BYTES:,} bytes")
    try:
        return read_list(Path(file.path).stem, Path(file.path).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file.path, str(error)) from error


def _unreadable(path: str, why: str) -> ConfigError:
    return ConfigError(f'"{path}" cannot be read: {why}', field=FIELD)
