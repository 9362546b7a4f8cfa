"""An indicator and an attribute, as values."""

from __future__ import annotations

from msgspec import Struct


class Attribute(Struct, frozen=True):
    """A name and a value on an event or an indicator."""

    name: str
    value: str


class Indicator(Struct, frozen=True):
    """An indicator by the name of its ThreatQ type ("IP Address", "FQDN", …) and its value."""

    type: str
    value: str
    attributes: tuple[Attribute, ...] = ()
