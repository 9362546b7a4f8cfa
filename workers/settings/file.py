"""`tq.yaml`: flat YAML, one key a setting; read with line numbers, written whole or not at all.

Every value is read as the text that stands there, so that a password of digits stays what it is. What is
written is simpler still, one `key: "JSON string"` a line, so that a command that starts often can read it
without a YAML library.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import yaml
from msgspec import Struct

from workers.core.errors import ConfigError
from workers.core.files import write_whole

FILE_NAME = "tq.yaml"

#: The version of the file's format that we write and read; a newer file is refused, not guessed at.
VERSION = 1

#: Characters that JSON leaves bare and YAML does not take, or takes for line ends, inside quotes.
_NOT_BARE = re.compile("[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class Line(Struct, frozen=True):
    """The text of one value and the line, from 1, on which its key stands."""

    text: str
    number: int


def is_there(path: Path) -> bool:
    """Tell whether there is a file at `path`; raises ConfigError when that cannot be seen."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    return True


def read(path: Path) -> dict[str, Line]:
    """Return the file's keys and values as text; a value of null is as if absent.

    Raises ConfigError when others may read the file, or it is not flat YAML of a version that we know.
    """
    try:
        _refuse_if_others_may_read(path)
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}{_place(error)} is not YAML; a line reads `name: value`") from error
    lines = _flat(root, path)
    _check_version(lines.pop("version", None), path)
    return lines


def write(path: Path, values: Mapping[str, str], *, copies: bool = True) -> Path | None:
    """Write `values` with mode 0600 and return where the copy of an earlier file is, if there was one that it `copies`.

    Raises ConfigError when it cannot be written; an earlier file is then still there, unchanged.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = _keep_copy(path) if copies else None
        write_whole(str(path), render(values).encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; nothing was changed") from error
    return copy


def render(values: Mapping[str, str]) -> str:
    """Return the text of a file that says `values`."""
    lines = [f"version: {VERSION}"]
    lines += [f"{name}: {quoted(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """Return `value` as one line that is a string in JSON as well as in YAML."""
    return _NOT_BARE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _refuse_if_others_may_read(path: Path) -> None:
    if os.name != "posix":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path} holds secrets and others may read it (mode {mode:04o}); chmod 600 {path}")


def _place(error: yaml.YAMLError | RecursionError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark else ""


def _flat(root: yaml.Node | None, path: Path) -> dict[str, Line]:
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path} is not a list of settings; a line reads `name: value`")
    lines: dict[str, Line] = {}
    for key, value in root.value:
        number = key.start_mark.line + 1
        name = str(key.value)
        if name in lines:
            raise ConfigError(
                f"stands twice, in lines {lines[name].number} and {number} of {path}", field=name
            )
        if not isinstance(value, yaml.ScalarNode):
            raise ConfigError(
                f"{path}:{number} holds a nested value; a setting is one text "
                f"(over several lines: `{name}: |`)",
                field=name,
            )
        if value.tag != "tag:yaml.org,2002:null":
            lines[name] = Line(str(value.value), number)
    return lines


def _check_version(line: Line | None, path: Path) -> None:
    if line is None or line.text == str(VERSION):
        return
    raise ConfigError(
        f"{path}:{line.number} says {line.text!r}; this program reads version {VERSION}. "
        "Was the file written by a newer program? Then use that one here too",
        field="version",
    )


def _keep_copy(path: Path) -> Path | None:
    if not path.exists():
        return None
    copy = path.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.bak")
    write_whole(str(copy), path.read_bytes())
    return copy
