"""What a console knows a SmartResponse plugin by: its Guid and version, and the names of its actions and fields.

A plugin with those of an earlier one takes its place, so that rules of the AI Engine that name them need no change.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import uuid
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

from msgspec import Struct, field

from producers.smart_response.commands import ACTIONS
from workers.core.errors import InputError

FIELD = "--like"

#: The name and the fixed identity of our own plugin: a console takes a known Guid with a higher version as an update.
NAME, GUID = "ThreatQ", "6f1f6d0c-6c0b-4f0e-9d5a-3b1f4f8c2e71"

#: Bytes of the largest definition, and of the largest plugin, unpacked, that is looked through for it.
MOST_XML, MOST_BYTES = 4_194_304, 268_435_456


class Identity(Struct, frozen=True):
    """A plugin as rules know it.

    `actions` is command -> name; `fields` is (command, switch) -> name, or (command, "1") for what has no switch, by
    its place. `left_out` names what no command of ours takes.
    """

    guid: str = GUID
    name: str = NAME
    version: int = 0
    actions: dict[str, str] = field(default_factory=dict)
    fields: dict[tuple[str, str], str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def checked_guid(text: str, option: str = "--guid") -> str:
    """Return a Guid as it was typed, without braces; raises InputError for what is none."""
    guid = text.strip().strip("{}")
    try:
        uuid.UUID(guid)
    except ValueError as error:
        example = "such as 6f1f6d0c-6c0b-4f0e-9d5a-3b1f4f8c2e71"
        raise InputError(f"{text!r} is no Guid, {example}", field=option) from error
    return guid


def read_identity(path: Path, option: str = FIELD) -> Identity:
    """Return what an earlier plugin was known by: an `.lpi` file, an `actions.xml`, or the folder that holds one.

    Raises InputError for what cannot be read, is neither, or runs none of our commands.
    """
    root = _parsed(path, option)
    commands = {action: _command(action) for action in root if _command(action) in ACTIONS}
    if not commands:
        raise InputError(f"{path} runs none of the commands tq-lookup, tq-sighting, …", field=option)
    version = root.get("Version", "")
    return Identity(
        guid=checked_guid(root.get("Guid", ""), f"{option} {path}"),
        name=root.get("Name", NAME),
        version=int(version) if version.isdecimal() else 0,
        actions={command: action.get("Name", "") for action, command in commands.items()},
        fields={
            (command, key): name
            for action, command in commands.items()
            for key, name in _fields(action)
            if key in _taken(command)
        },
        left_out=tuple(_left_out(root, commands)),
    )


def _left_out(root: ET.Element, commands: dict[ET.Element, str]) -> Iterator[str]:
    for action in root:
        if action not in commands:
            yield str(action.get("Name"))
            continue
        unknown = [name for key, name in _fields(action) if key not in _taken(commands[action])]
        yield from (f"{action.get('Name')}: {name}" for name in unknown)


def _taken(command: str) -> set[str]:
    """Return the switches that a command takes, and the places of its words."""
    syntax = ACTIONS[command].syntax
    return {name for switch in syntax.switches if switch.greedy for name in switch.names} | {
        str(place) for place in range(1, len(syntax.words) + 1)
    }


def _fields(action: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield switch or place, and the name of each field that is filled in; constants have none that a rule names."""
    place = 0
    elements = [element for element in action.iter() if _local(element) == "StringParameter"]
    for element in sorted(
        elements, key=lambda each: int(order) if (order := each.get("Order", "")).isdecimal() else 0
    ):
        switch = element.get("Switch", "").strip()
        place += not switch
        yield switch or str(place), element.get("Name", "")


def _command(action: ET.Element) -> str:
    name = PureWindowsPath(action.get("Command", "")).name.lower()
    return name.removesuffix(".exe")


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _parsed(path: Path, option: str) -> ET.Element:
    try:
        data = (path / "actions.xml" if path.is_dir() else path).read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = _definition(data)
        root = _root(data[:MOST_XML].decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}", field=option) from error
    except (ET.ParseError, UnicodeDecodeError, tarfile.TarError, EOFError, zlib.error, KeyError) as error:
        raise InputError(f"{path} is no SmartResponse plugin ({error})", field=option) from error
    if _local(root) != "Remediation-Plugin":
        raise InputError(f"{path} is XML, and no definition of a SmartResponse plugin", field=option)
    return root


def _root(text: str) -> ET.Element:
    """Return the root; raises ET.ParseError, also for entities, which a definition has no use for."""
    if "<!DOCTYPE" in text:
        raise ET.ParseError("it declares a document type")
    parser: ET.XMLPullParser[Any] = ET.XMLPullParser(["start"])
    parser.feed(text)
    parser.close()
    events: list[Any] = list(parser.read_events())
    root: ET.Element = events[0][1]
    return root


def _definition(data: bytes) -> bytes:
    """Return the definition in a plugin file; raises KeyError for one without."""
    with gzip.open(io.BytesIO(data)) as stream:
        unpacked = stream.read(MOST_BYTES)
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        for name in ("Plugin/config/actions.xml", "Plugin/bin/actions.xml"):
            if name in archive.getnames() and (file := archive.extractfile(name)):
                return file.read(MOST_XML)
    raise KeyError("it holds no actions.xml")
