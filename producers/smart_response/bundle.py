"""The SmartResponse plugin: LogRhythm's description of the six actions, packed as its console imports it.

`actions.xml` says which commands LogRhythm runs and which alarm fields it fills in; it is made from the table of the
commands themselves, so that the two cannot differ. The `.lpi` file is a gzip around a ustar archive, laid out as
LogRhythm's own console writes it: eight published files (2019 to 2026) are all alike, without manifest, checksum or
signature. Same input, same bytes.
"""

from __future__ import annotations

import argparse
import io
import struct
import tarfile
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from producers.smart_response.commands import ACTIONS, ALARM_FIELDS, Action
from producers.smart_response.syntax import Switch
from workers.core.errors import InputError

#: The plugin's name and its fixed identity: a console takes a file with a known Guid and a higher version as an update.
NAME, GUID = "ThreatQ", "6f1f6d0c-6c0b-4f0e-9d5a-3b1f4f8c2e71"

#: How the alarm's date is written (.NET), as in the guide.
DATE_FORMAT = "yyyy-MM-dd HH:mm:ss"

_NAMESPACE = "RemediationVersion1.xsd"

#: Alarm fields that fill the words of a command.
_FILLED_WITH = {"alarm_id": "AlarmId", "alarm_name": "AlarmRuleName", "alarm_date": "AlarmDate"}

#: The name inside the gzip header; the console writes a date here, and a fixed one keeps the bytes the same.
_INNER_NAME = f"ARPlugin_{GUID}_20260101.tar"

#: 1 January 2026, for the same reason.
_MODIFIED = 1_767_225_600

#: What the console's own files carry as the operating system that wrote them (NTFS).
_SYSTEM = 11

_BOM = b"\xef\xbb\xbf"

_README = """\
ThreatQ SmartResponse plugin for LogRhythm, version {version}

The six actions run these commands on the Platform Manager: {scripts_dir}
Another Python folder needs another plugin: tqctl srp-bundle --scripts-dir <folder> --out ThreatQ.lpi

Import: Deployment Manager > Tools > Administration > SmartResponse Plugin Manager > Actions > Import.
Or create it from the folder that holds this file and actions.xml.
"""


class Parameter(Struct, frozen=True):
    """One argument: its label in the console, its switch, and what it is filled with (an alarm field, a text)."""

    label: str
    switch: str = ""
    field: str = ""
    text: str = ""


class ScriptsFolder(Struct, frozen=True):
    """Where the commands are, the version of the plugin, and the zone (Windows name) of alarm dates."""

    scripts_dir: str
    version: int = 1
    time_zone: str = "UTC"

    def command(self, name: str) -> str:
        """Return the path of a command; on Windows it ends in .exe."""
        if self.scripts_dir.startswith("/"):
            return f"{self.scripts_dir.rstrip('/')}/{name}"
        folder = self.scripts_dir.rstrip("\\/")
        return rf"{folder}\{name}.exe" if folder else f"{name}.exe"


def actions_xml(target: ScriptsFolder) -> bytes:
    """Return the file's content, UTF-8 without a byte order mark."""
    ET.register_namespace("remv1", _NAMESPACE)
    root = ET.Element(
        _tag("Remediation-Plugin"),
        {"Name": NAME, "Guid": GUID, "Version": str(target.version), "IsLogRhythmPlugin": "false"},
    )
    for action in ACTIONS.values():
        element = ET.SubElement(
            root, _tag("Action"), {"Name": action.name, "Command": target.command(action.syntax.name)}
        )
        for order, parameter in enumerate(parameters(action), start=1):
            _add(element, parameter, order, target)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def parameters(action: Action) -> Iterator[Parameter]:
    """Yield an action's parameters in the order in which the command takes them."""
    for word in action.syntax.words:
        text = "IP Address" if word.key == "type" else ""
        yield Parameter(
            word.label.title().replace("Id", "ID"), field=_FILLED_WITH.get(word.key, ""), text=text
        )
    for switch in action.syntax.switches:
        if switch.greedy:
            yield _of_switch(switch)


def _of_switch(switch: Switch) -> Parameter:
    """Return a switch's parameter; the blank at its end is how published plugins part it from its value."""
    if switch.key in ALARM_FIELDS:
        label = ALARM_FIELDS[switch.key].partition(":")[0]
        return Parameter(label, switch=f"{switch.names[0]} ", field=switch.key)
    return Parameter("Attributes", switch=f"{switch.names[0]} ")


def _add(action: ET.Element, parameter: Parameter, order: int, target: ScriptsFolder) -> None:
    attributes = {"Name": parameter.label, "Switch": parameter.switch, "Order": str(order)}
    element = ET.SubElement(action, _tag("StringParameter"), attributes)
    if not (parameter.field or parameter.text):
        return
    default = ET.SubElement(element, _tag("DefaultInput"))
    if parameter.text:
        ET.SubElement(default, _tag("StaticInput"), {"Value": parameter.text})
        return
    field = ET.SubElement(default, _tag(parameter.field))
    if parameter.field == "AlarmDate":
        zone = {"TimeZone": target.time_zone, "FormattingString": DATE_FORMAT}
        ET.SubElement(field, _tag("TimeFormat"), zone)


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tqctl srp-bundle`."""
    parser.set_defaults(run=run)
    parser.add_argument(
        "--scripts-dir",
        required=True,
        help=r"folder of the commands on the Platform Manager, such as C:\Python36\Scripts",
    )
    parser.add_argument("--out", type=Path, default=Path("ThreatQ.lpi"), help="file to write (%(default)s)")
    parser.add_argument(
        "--plugin-version",
        type=int,
        default=1,
        help="raise it when a console holds an older one (%(default)s)",
    )
    parser.add_argument(
        "--time-zone", default="UTC", help="Windows name of the alarm dates' zone (%(default)s)"
    )


def run(_shell: object, options: argparse.Namespace) -> int:
    """Write the file and the folder; raises InputError when that is not possible."""
    out: Path = options.out
    if out.suffix != ".lpi":
        raise InputError(f"{out} does not end in .lpi, which LogRhythm's console asks for", field="--out")
    target = ScriptsFolder(options.scripts_dir, options.plugin_version, options.time_zone)
    files = source(target)
    folder = out.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        out.write_bytes(package(files))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be written ({error.strerror})", field="--out") from error
    print(f"Written: {out} (to import) and {folder} (to create the plugin from).")
    print(
        "In LogRhythm: Deployment Manager > Tools > Administration > SmartResponse Plugin Manager > Actions."
    )
    return 0


def source(target: ScriptsFolder) -> dict[str, bytes]:
    """Return the plugin's source folder: file name -> content."""
    readme = _README.format(version=target.version, scripts_dir=target.scripts_dir)
    # Notepad on an older Windows server wants these line ends.
    return {"actions.xml": actions_xml(target), "README.txt": readme.replace("\n", "\r\n").encode()}


def package(files: dict[str, bytes]) -> bytes:
    """Return the plugin file for the source folder `files`, which holds an `actions.xml`."""
    entries = {f"Plugin/bin/{name}": content for name, content in sorted(files.items())}
    # The console keeps a copy of the definition of its own, with a byte order mark.
    entries["Plugin/config/actions.xml"] = _BOM + files["actions.xml"]
    return _gzip(_tar(entries))


def _tar(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("Plugin", "Plugin/bin", "Plugin/config"):
            archive.addfile(_entry(folder, tarfile.DIRTYPE))
        for name, content in entries.items():
            archive.addfile(_entry(name, tarfile.REGTYPE, len(content)), io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    # Folders too have 0644 in the console's files.
    entry.type, entry.size, entry.mode, entry.mtime = kind, size, 0o644, _MODIFIED
    return entry


def _gzip(data: bytes) -> bytes:
    """Compress with a header of our own; Python's gzip module cannot set the system and writes the time."""
    named = 0x08
    header = struct.pack("<4BLBB", 0x1F, 0x8B, 8, named, 0, 2, _SYSTEM) + _INNER_NAME.encode() + b"\0"
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = compressor.compress(data) + compressor.flush()
    return header + body + struct.pack("<LL", zlib.crc32(data), len(data))
