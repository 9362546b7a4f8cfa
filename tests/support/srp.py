"""LogRhythm's side of a SmartResponse plugin: read the file, fill in an alarm's fields, make the command line."""

from __future__ import annotations

import gzip
import io
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass

_NAMESPACE = "{RemediationVersion1.xsd}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an action, as the console shows it."""

    label: str
    switch: str
    order: int
    field: str
    static: str
    date_format: str


@dataclass(frozen=True)
class PluginAction:
    """One action of a plugin."""

    name: str
    command: str
    parameters: list[Parameter]

    def command_line(self, alarm: Mapping[str, str], typed: Mapping[str, str]) -> list[str]:
        """The arguments as LogRhythm passes them: in order, an empty field as a bare switch.

        `typed` is what an analyst types into the fields by their labels.
        """
        line = []
        for parameter in sorted(self.parameters, key=lambda entry: entry.order):
            value = typed.get(parameter.label, alarm.get(parameter.field, parameter.static))
            line += [part for part in (parameter.switch.strip(), value) if part]
        return line


@dataclass(frozen=True)
class Plugin:
    """A plugin with its actions."""

    name: str
    actions: list[PluginAction]


def read_plugin(data: bytes) -> Plugin:
    """Read an `.lpi` file."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        file = archive.extractfile("Plugin/config/actions.xml")
        assert file is not None
        root = ET.fromstring(file.read().decode("utf-8-sig"))
    return Plugin(root.attrib["Name"], [_action(element) for element in root])


def _action(element: ET.Element) -> PluginAction:
    return PluginAction(
        element.attrib["Name"], element.attrib["Command"], [_parameter(child) for child in element]
    )


def _parameter(element: ET.Element) -> Parameter:
    default = element.find(f"{_NAMESPACE}DefaultInput")
    filled = next(iter(default), None) if default is not None else None
    time = filled.find(f"{_NAMESPACE}TimeFormat") if filled is not None else None
    name = "" if filled is None else filled.tag.removeprefix(_NAMESPACE)
    return Parameter(
        label=element.attrib["Name"],
        switch=element.attrib["Switch"],
        order=int(element.attrib["Order"]),
        field="" if name == "StaticInput" else name,
        static=filled.attrib.get("Value", "") if filled is not None else "",
        date_format="" if time is None else time.attrib["FormattingString"],
    )
