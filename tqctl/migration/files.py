"""The configuration folder of ThreatQuotient's connectors: where ThreatQ is, and who logs in.

The guides say which five answers the first run keeps there, and not in which form. So this
file holds every guess: a file is INI, JSON, YAML or `name=value` lines, by whichever names in NAMES it uses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from configparser import Error as IniError
from contextlib import suppress
from pathlib import Path

import yaml
from msgspec import Struct

from workers.core.errors import InputError
from workers.settings.file import FILE_NAME
from workers.settings.page_fields import plain

FIELD = "--from"

#: Section, name and value.
Pair = tuple[str, str, str]

#: Our settings, and the names under which their answers may stand, without blanks, signs and case.
NAMES = {
    "threatq_url": ("threatqhost", "tqhost", "host", "hostname", "threatqurl", "tqurl", "threatq", "server"),
    "threatq_client_id": ("clientid", "tqclientid", "threatqclientid", "oauthclientid", "oauthid"),
    "threatq_email": ("email", "emailaddress", "tqemail", "threatqemail", "username", "tqusername", "user"),
    "threatq_password": ("password", "tqpassword", "threatqpassword"),
    "status": ("status", "defaultstatus", "indicatorstatus", "tqstatus", "iocstatus"),
}

#: The setting of each connector's status.
STATUS = {"events": "threatq_status", "logrhythm": "logrhythm_status"}

#: What the name of a connector's file holds.
_MARKS = {"events": "eventsbuilder", "logrhythm": "logrhythm"}

#: Files that are looked at in a folder, and bytes of the largest of them: logs may lie beside theirs, which are small.
MOST_FILES, MOST_BYTES = 200, 262_144


class TheirFile(Struct, frozen=True):
    """A configuration file of theirs; `connector` is events, logrhythm, or "" where its name does not say."""

    path: Path
    connector: str
    values: dict[str, str]


def read_configuration(place: Path) -> list[TheirFile]:
    """Return the files in a folder, or the one file, that say where a ThreatQ is; of named ones only those.

    Raises InputError for what cannot be read or holds none, and where several are and none is named for a connector.
    """
    files = [file for path in _candidates(place) if (file := _read(path, is_named=place.is_file()))]
    named = [file for file in files if file.connector]
    if not files:
        raise InputError(
            f"{place} holds no configuration of ThreatQuotient's connectors (a file with host, client id and e-mail); "
            "name the folder that they are called with (-c)",
            field=FIELD,
        )
    if not named and len(files) > 1:
        names = ", ".join(file.path.name for file in files[:5])
        raise InputError(f"{place} holds several ({names}); name the file itself", field=FIELD)
    return named or files


def _candidates(place: Path) -> list[Path]:
    try:
        if place.is_file():
            return [place]
        paths = sorted(path for path in place.iterdir() if path.is_file())[:MOST_FILES]
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror}", field=FIELD) from error
    return [path for path in paths if not path.name.startswith(FILE_NAME)]


def _read(path: Path, *, is_named: bool) -> TheirFile | None:
    """Read one file; None for one that is something else. Raises InputError where it cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        if not is_named and not _connector(path.name):
            return None
        raise InputError(f"{path} cannot be read: {error.strerror}", field=FIELD) from error
    except UnicodeDecodeError:
        return None
    pairs = list(_pairs(text))
    values = _named(pairs)
    if not {"threatq_url", "threatq_client_id"} <= values.keys():
        return None
    connector = _connector(path.name) or next(
        filter(None, (_connector(section) for section, _, _ in pairs)), ""
    )
    if status := values.pop("status", ""):
        values[STATUS.get(connector, STATUS["events"])] = status
    return TheirFile(path, connector, values)


def _connector(name: str) -> str:
    return next((connector for connector, mark in _MARKS.items() if mark in plain(name)), "")


def _named(pairs: Sequence[Pair]) -> dict[str, str]:
    by_name = {name: setting for setting, names in NAMES.items() for name in names}
    values: dict[str, str] = {}
    for _, name, text in pairs:
        if (setting := by_name.get(plain(name))) and text.strip():
            values.setdefault(setting, text)
    return values


def _pairs(text: str) -> Iterator[Pair]:
    """Yield section, name and value of whatever form the text has; nothing where it has none of them."""
    begin = text.lstrip()[:1]
    if begin == "{":
        with suppress(ValueError, RecursionError):
            yield from _flat(json.loads(text))
        return
    if begin not in ("[", ";"):
        pairs: list[Pair] = []
        with suppress(yaml.YAMLError, RecursionError):
            pairs = list(_scalars(yaml.compose(text, Loader=yaml.SafeLoader)))
        if pairs:
            yield from pairs
            return
        text = f"[ ]\n{text}"
    parser = ConfigParser(interpolation=None, strict=False, default_section="\0")
    with suppress(IniError):
        parser.read_string(text)
        for section in parser.sections():
            yield from ((section, name, value) for name, value in parser[section].items())


def _flat(value: object, section: str = "") -> Iterator[Pair]:
    """Yield what stands in nested maps, as the vendor's SDK takes them (auth: clientid, auth: email, password)."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{section} {name}")
        elif isinstance(inner, str | int | float):
            yield section, str(name), str(inner)


def _scalars(node: yaml.Node | None, section: str = "") -> Iterator[Pair]:
    """Yield the same of YAML, each value as the text that stands there: a password of digits is no number."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(value, yaml.MappingNode):
            yield from _scalars(value, f"{section} {key.value}")
        elif isinstance(value, yaml.ScalarNode):
            yield section, str(key.value), str(value.value)
