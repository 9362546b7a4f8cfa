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

from msgspec import Struct, structs

from producers.smart_response.commands import ACTIONS, Action
from producers.smart_response.identity import GUID, Identity, checked_guid, read_identity
from producers.smart_response.syntax import Switch
from workers.core.errors import InputError
from workers.core.text import printable

#: How the alarm's date is written (.NET), as in the guide.
DATE_FORMAT = "yyyy-MM-dd HH:mm:ss"

_NAMESPACE = "RemediationVersion1.xsd"

#: Alarm fields that fill the words of a command.
_FILLED_WITH = {"alarm_id": "AlarmId", "alarm_name": "AlarmRuleName", "alarm_date": "AlarmDate"}

#: Names of a sighting's fields. "Destination IP Address" is the guide's; those that it does not show are like it.
_LABELS = {
    "SIP": "Source IP Address",
    "DIP": "Destination IP Address",
    "SHostName": "Source Hostname",
    "DHostName": "Destination Hostname",
    "attribute": "Attributes",
}

#: The date inside the gzip header; the console writes that of the day, and a fixed one keeps the bytes the same.
_DATE = "20260101"

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
    """Where the commands are, the version of the plugin, the zone (Windows name) of alarm dates, and its identity."""

    scripts_dir: str
    version: int = 1
    time_zone: str = "UTC"
    identity: Identity = Identity()

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
        {
            "Name": target.identity.name,
            "Guid": target.identity.guid,
            "Version": str(target.version),
            "IsLogRhythmPlugin": "false",
        },
    )
    for command, action in ACTIONS.items():
        name = target.identity.actions.get(command) or action.name
        element = ET.SubElement(root, _tag("Action"), {"Name": name, "Command": target.command(command)})
        for order, parameter in enumerate(parameters(action, target.identity), start=1):
            _add(element, parameter, order, target)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def parameters(action: Action, identity: Identity) -> Iterator[Parameter]:
    """Yield an action's parameters in the order in which the command takes them, by the names of `identity`."""
    command = action.syntax.name
    for place, word in enumerate(action.syntax.words, start=1):
        text = "IP Address" if word.key == "type" else ""
        label = identity.fields.get((command, str(place))) or word.label.title().replace("Id", "ID")
        yield Parameter(label, field=_FILLED_WITH.get(word.key, ""), text=text)
    for switch in action.syntax.switches:
        if switch.greedy:
            label = identity.fields.get((command, switch.names[0]), "")
            yield _of_switch(switch, label or _LABELS.get(switch.key, switch.key))


def _of_switch(switch: Switch, label: str) -> Parameter:
    """Return a switch's parameter; the blank at its end is how published plugins part it from its value."""
    # An alarm's field has LogRhythm's own name as its switch.
    field = switch.key if f"-{switch.key}" == switch.names[0] else ""
    return Parameter(label, switch=f"{switch.names[0]} ", field=field)


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
        help="raise it when a console holds an older one (default: the one behind that of --like, else 1)",
    )
    parser.add_argument(
        "--like",
        type=Path,
        metavar="PLUGIN",
        help="keep the Guid and the names of an earlier plugin: its .lpi file, its actions.xml or their folder",
    )
    parser.add_argument("--guid", help="the Guid of an earlier plugin, where its file is not to be had")
    parser.add_argument(
        "--time-zone", default="UTC", help="Windows name of the alarm dates' zone (%(default)s)"
    )


def run(_shell: object, options: argparse.Namespace) -> int:
    """Write the file and the folder; raises InputError when that is not possible."""
    out: Path = options.out
    if out.suffix != ".lpi":
        raise InputError(f"{out} does not end in .lpi, which LogRhythm's console asks for", field="--out")
    identity = read_identity(options.like) if options.like else Identity()
    if options.guid:
        identity = structs.replace(identity, guid=checked_guid(options.guid))
    version = options.plugin_version or identity.version + 1
    target = ScriptsFolder(options.scripts_dir, version, options.time_zone, identity)
    files = source(target)
    folder = out.with_suffix("")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        out.write_bytes(package(files, identity.guid))
    except OSError as error:
        raise InputError(f"{error.filename} cannot be written ({error.strerror})", field="--out") from error
    print(f"Written: {out} (to import) and {folder} (to create the plugin from).")
    if options.like:
        print(f"It has the Guid {identity.guid} and the names of {options.like}, and version {version}.")
    for name in identity.left_out:
        print(f"Left out, as no command of ours takes it: {printable(name)}")
    print(
        "In LogRhythm: Deployment Manager > Tools > Administration > SmartResponse Plugin Manager > Actions."
    )
    return 0


def source(target: ScriptsFolder) -> dict[str, bytes]:
    """Return the plugin's source folder: file name -> content."""
    readme = _README.format(version=target.version, scripts_dir=target.scripts_dir)
    # Notepad on an older Windows server wants these line ends.
    return {"actions.xml": actions_xml(target), "README.txt": readme.replace("\n", "\r\n").encode()}


def package(files: dict[str, bytes], guid: str = GUID) -> bytes:
    """Return the plugin file for the source folder `files`, which holds an `actions.xml` with this `guid`."""
    entries = {f"Plugin/bin/{name}": content for name, content in sorted(files.items())}
    # The console keeps a copy of the definition of its own, with a byte order mark.
    entries["Plugin/config/actions.xml"] = _BOM + files["actions.xml"]
    return _gzip(_tar(entries), f"ARPlugin_{guid}_{_DATE}.tar")


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


def _gzip(data: bytes, inner_name: str) -> bytes:
    """Compress with a header of our own; Python's gzip module cannot set the system and writes the time."""
    named = 0x08
    header = struct.pack("<4BLBB", 0x1F, 0x8B, 8, named, 0, 2, _SYSTEM) + inner_name.encode() + b"\0"
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = compressor.compress(data) + compressor.flush()
    return header + body + struct.pack("<LL", zlib.crc32(data), len(data))
