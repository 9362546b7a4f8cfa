"""Out of the quarantine into the ledger: what was kept is read again, as it came or repaired."""

from __future__ import annotations

from msgspec.structs import replace

from workers.errors import InputError
from workers.intake import Intake, accepted_only, refused_only
from workers.ledger.accept import Accepted
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine


def release(
    item_id: str, *, quarantine: Quarantine, ledger: Ledger, intake: Intake, repaired: bytes | None = None
) -> list[Accepted]:
    """Accept what is in a quarantined item, or `repaired` in its place, and drop the item.

    The jobs keep the door that the item came through. Raises InputError, and keeps the item, while a part of it
    cannot be read or is not accepted.
    """
    item = quarantine.item(item_id)
    if item is None:
        raise InputError(f"no item {item_id} is in the quarantine; it may have been released before")
    found = replace(intake, door=item.door).jobs(item.raw if repaired is None else repaired)
    if refused := refused_only(found):
        raise InputError(f"item {item_id} is still refused: {refused[0].detail}")
    answers = ledger.accept(accepted_only(found))
    if conflict := next((answer for answer in answers if answer.conflict), None):
        raise InputError(
            f"item {item_id} is still refused: job {conflict.id} has its CloudEvents source and id and another "
            "payload; correct the id, or drop the item"
        )
    quarantine.drop([item_id])
    return answers
