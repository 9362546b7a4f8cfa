"""actions.xml: which commands LogRhythm runs and which alarm fields it fills in.

Made from the table of the commands themselves, so that the two cannot differ.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from msgspec import Struct

from producers.smart_response.arguments import Switch
from producers.smart_response.commands import ACTIONS, ALARM_FIELDS, Action

#: The plugin's name and its fixed identity: a console takes a file with a known Guid and a higher version as an update.
NAME, GUID = "ThreatQ", "6f1f6d0c-6c0b-4f0e-9d5a-3b1f4f8c2e71"

#: How the alarm's date is written (.NET), as in the guide.
DATE_FORMAT = "yyyy-MM-dd HH:mm:ss"

_NAMESPACE = "RemediationVersion1.xsd"

#: Alarm fields that fill the words of a command.
_FILLED_WITH = {"alarm_id": "AlarmId", "alarm_name": "AlarmRuleName", "alarm_date": "AlarmDate"}


class Parameter(Struct, frozen=True):
    """One argument: its label in the console, its switch, and what it is filled with (an alarm field, a text)."""

    label: str
    switch: str = ""
    field: str = ""
    text: str = ""


class Target(Struct, frozen=True):
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


def actions_xml(target: Target) -> bytes:
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


def _add(action: ET.Element, parameter: Parameter, order: int, target: Target) -> None:
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
