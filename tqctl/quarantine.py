"""Quarantined items at the operator's admin: what no producer could read is shown, mended, read again or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from producers.cli.tables import Grid, Shown
from producers.enqueue import release
from tqctl.job_text import short
from tqctl.shell import Shell
from workers.core.text import moment
from workers.ledger.quarantine import Quarantine, QuarantinedItem
from workers.payload.intake import from_settings


class QuarantineAdmin:
    """The quarantine as the dead letters' commands use it."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._quarantine = Quarantine(shell.admin.redis)

    def item(self, item_id: str) -> QuarantinedItem | None:
        """Return an item, or None when none of this id is kept."""
        return self._quarantine.item(item_id)

    def ids(self, most: int, producer: str | None = None) -> list[str]:
        """Return ids of items, newest first; only those that came through `producer` where one is named."""
        item_ids = self._quarantine.ids(most)
        if not producer:
            return item_ids
        return [item.id for item in map(self.item, item_ids) if item and item.producer == producer]

    def listed(self, most: int) -> list[dict[str, Any]]:
        """Return what a list says about the newest items."""
        return [_summary(item) for item in map(self.item, self.ids(most)) if item]

    def release(
        self, item_id: str, repaired: bytes | None = None, *, mapping: str | None = None
    ) -> list[str]:
        """Read an item again, or `repaired` in its place; return the ids of its jobs. Raises InputError.

        Where `mapping` is not None, it counts instead of the one that its sender named.
        """
        intake = from_settings(self._shell.settings, "tqctl")
        answers = release(
            item_id,
            quarantine=self._quarantine,
            ledger=self._shell.ledger,
            intake=intake,
            audit=self._shell.audit,
            repaired=repaired,
            mapping=mapping,
        )
        return [answer.id for answer in answers]

    def drop(self, item_ids: Sequence[str]) -> int:
        """Forget items for good; return how many there were."""
        return self._quarantine.drop(item_ids, self._shell.audit)

    def show(self, item: QuarantinedItem) -> int:
        """Show an item with its bytes."""
        value = {**_summary(item), "raw": item.raw.decode("utf-8", "backslashreplace")}
        self._shell.show(value, _words)
        return 0


def grid(items: Sequence[dict[str, Any]]) -> Grid:
    """Return items as a table."""
    columns = ("quarantined", "producer", "source", "came (UTC)", "times", "reason")
    rows = [
        [
            item["id"],
            item["door"],
            item["source"],
            moment(item["at_ms"]),
            str(item["times"]),
            short(item["reason"]),
        ]
        for item in items
    ]
    return Grid("", columns, rows, "nothing is in the quarantine")


def _summary(item: QuarantinedItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "door": item.producer,
        "source": item.source,
        "code": item.code,
        "reason": item.reason,
        "at_ms": item.at_ms,
        "times": item.times,
        "mapping": item.mapping,
    }


def _words(value: dict[str, Any]) -> Iterator[Shown]:
    yield f"{value['id']}  quarantined: {value['reason']} ({value['code']})"
    yield f"  producer  {value['door']}, from {value['source']}"
    yield f"  came      {moment(value['at_ms'])} UTC, {value['times']} times"
    yield from [f"  mapping   {value['mapping']}"] if value["mapping"] else []
    yield "  as it came"
    yield from (f"    {line}" for line in str(value["raw"]).splitlines())
