"""Payloads that a command refuses beside others that it accepts: kept in the quarantine, and shown among the others."""

from __future__ import annotations

import json
from collections.abc import Sequence

from msgspec import Struct, to_builtins

from producers.cli.console import note
from workers.core.errors import ServiceAway
from workers.core.text import counted, printable
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.payload.intake import RejectedPayload


class RefusedReport(Struct, frozen=True, kw_only=True):
    """What is said of one payload that was refused; `quarantine_id` is "" where it could not be kept."""

    position: int
    status: str = "refused"
    code: str
    detail: str
    field: str
    quarantine_id: str

    def as_json(self) -> str:
        """Return it for programs."""
        return json.dumps(to_builtins(self))

    def as_words(self) -> str:
        """Return its line of the table."""
        return f"{self.status:<9} {self.quarantine_id or 'not kept':<24}  {printable(self.detail)}"


def keep_refused(
    rejected: Sequence[RejectedPayload], quarantine: Quarantine | None, source: str
) -> list[RefusedReport]:
    """Keep what is refused while the rest is accepted, since its sender goes on; None: Redis is known to be away."""
    items = [Unreadable("cli", source, part.code, part.detail, part.raw, part.mapping) for part in rejected]
    kept_ids = [""] * len(items)
    try:
        if quarantine:
            kept_ids = quarantine.keep(items)
            note(f"refused {counted(len(items), 'payload')}, kept in the quarantine (tqctl dead show ID)")
    except ServiceAway as error:
        note(f"warning: what was refused is not kept: {error}")
    return [
        RefusedReport(
            position=part.position,
            code=part.code,
            detail=part.detail,
            field=part.field,
            quarantine_id=kept_id,
        )
        for part, kept_id in zip(rejected, kept_ids, strict=True)
    ]
