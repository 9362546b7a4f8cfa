"""The load: payloads that no two share, and what ThreatQ must hold of each afterwards."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Wanted(Struct, frozen=True):
    """What the event of one payload must have, at least."""

    attributes: frozenset[tuple[str, str]]
    indicators: frozenset[str]
    identity: frozenset[str]
    malware: frozenset[str]


def title(number: int) -> str:
    """Return the title of the event of payload `number`."""
    return f"Chaos #{number}"


def payload(number: int) -> dict[str, Any]:
    """Return payload `number`: three attributes, three indicators of which one is shared, a user and a malware."""
    return {
        "event_type": "Sighting",
        "event_name": title(number),
        "event_happened_at": f"2026-01-{number % 28 + 1:02}T{number // 28 % 24:02}:{number // 672 % 60:02}:00Z",
        "event_attributes": f"Number<|{number}~|Rule<|Rule {number % 7}~|Sensor<|Sensor {number % 3}",
        "uri_source": ", ".join(f"{kind}:{value}" for kind, value in _indicators(number)),
        "identity": _user(number),
        "malware": _malware(number),
    }


def wanted(number: int) -> Wanted:
    """Return what makes the event of payload `number` complete."""
    attributes = {"Number": str(number), "Rule": f"Rule {number % 7}", "Sensor": f"Sensor {number % 3}"}
    return Wanted(
        frozenset(attributes.items()),
        frozenset(value for _, value in _indicators(number)),
        frozenset({_user(number)}),
        frozenset({_malware(number)}),
    )


def _indicators(number: int) -> list[tuple[str, str]]:
    return [
        ("IP Address", f"203.{number // 62_500 % 250}.{number // 250 % 250}.{number % 250 + 1}"),
        ("FQDN", f"host-{number}.example"),
        ("FQDN", f"shared-{number % 10}.example"),
    ]


def _user(number: int) -> str:
    return f"user-{number % 20}@co.example"


def _malware(number: int) -> str:
    return f"Family {number % 5}"
