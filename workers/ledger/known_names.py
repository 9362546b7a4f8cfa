"""What ThreatQ knows by name, as the workers found it last: so that a typo is an answer where it is typed.

It expires soon: what has just been added in ThreatQ is then left to a worker to decide, like all that is not known.
The Smart Response stubs load this file: it needs nothing but the standard library.
"""

from __future__ import annotations

import json

from workers.ledger import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from workers.ledger.accept import Flow

#: Seconds for which the names are believed, and after which the workers of a queue are asked for them again.
FRESH_S, ASKED_EVERY_S = 120, 90


class KnownNames:
    """The types that ThreatQ has; () while that is not known.

    Beside indicator types `private_ips` are the addresses that never become indicators; beside event types
    `creates` tells whether an unknown one is created.
    """

    __slots__ = ("creates", "private_ips", "types")

    def __init__(self, types: tuple[str, ...] = (), *, private_ips: str = "", creates: bool = True) -> None:
        self.types, self.private_ips, self.creates = types, private_ips, creates

    def as_text(self) -> str:
        """Return them as the ledger keeps them."""
        return json.dumps({"types": self.types, "private_ips": self.private_ips, "creates": self.creates})


#: What is known while no worker has told.
UNKNOWN = KnownNames()


def names_flow(queue: str) -> Flow[KnownNames]:
    """Return the names that the jobs of `queue` use; needs the right to read them."""
    (text,) = yield [("GET", keys.names(queue))]
    return read_names(text)


def read_names(text: bytes | None) -> KnownNames:
    """Read what a worker told; what cannot be read counts as not known."""
    try:
        fields: dict[str, Any] = json.loads(text or b"{}")
        types = tuple(str(name) for name in fields.get("types", ()))
        return KnownNames(
            types, private_ips=str(fields.get("private_ips", "")), creates=bool(fields.get("creates", True))
        )
    except (ValueError, AttributeError, TypeError):
        return UNKNOWN
