"""Delivering what producers kept on this machine while Redis was away; what is refused of it goes to the quarantine."""

from __future__ import annotations

import json
import os
from functools import partial

from msgspec import Struct

from workers.core.errors import ServiceAway
from workers.core.jobs import compact
from workers.ledger.ledger import Ledger
from workers.ledger.quarantine import Quarantine, Unreadable
from workers.ledger.spool import BATCH, Delivery, Spool

#: Under which name the quarantine keeps what comes from a spool.
PRODUCER = "spool"

#: What is said of a file that an earlier delivery set aside.
EARLIER = "an earlier delivery could not read it, or the ledger refused it"

#: Files that one flush moves to the quarantine.
MOST_REFUSED = 1_000


class RefusedFile(Struct, frozen=True):
    """A file of the spool that is no job, or none that the ledger takes.

    `item` is its id in the quarantine, "" while the file is still there.
    """

    file: str
    reason: str
    item: str = ""


class Flushed(Struct, frozen=True):
    """What a flush did: jobs that the ledger has now, files that it refused, jobs that still wait, and why ("": none).

    Those of a sender that is slowed down wait without a reason of Redis.
    """

    delivered: int
    refused: tuple[RefusedFile, ...]
    waiting: int
    away: str = ""


def flush(spool: Spool, ledger: Ledger, quarantine: Quarantine, *, most: int | None = None) -> Flushed:
    """Deliver what waits, the oldest `most` of it; several may do so at once. Raises nothing when Redis is away."""
    report, away = Delivery(), ""
    try:
        at_once = min(BATCH, ledger.acceptance.most_open)
        spool.deliver(partial(ledger.accept, apart=True), at_once=at_once, most=most, report=report)
    except ServiceAway as error:
        away = str(error)
    reasons = dict(report.set_aside)
    refused = [
        RefusedFile(file, reasons.get(file, EARLIER))
        for file in {**dict.fromkeys(spool.set_aside()), **reasons}
    ]
    if not away:
        moved = (_quarantined(each, quarantine) for each in refused[:MOST_REFUSED])
        refused = [each for each in moved if each]
    return Flushed(len(report.delivered), tuple(refused), spool.waiting(), away)


def _quarantined(refused: RefusedFile, quarantine: Quarantine) -> RefusedFile | None:
    """Move a file to the quarantine; None where another flush was faster.

    Where the quarantine has no room, or our user no right to it, the file stays.
    """
    try:
        with open(refused.file, "rb") as file:
            data = file.read()
        source = os.path.basename(refused.file)
        item = Unreadable(PRODUCER, source, "refused", refused.reason, *_payload(data))
        (item_id,) = quarantine.keep([item])
        os.unlink(refused.file)
    except FileNotFoundError:
        return None
    except (OSError, ServiceAway) as error:
        return RefusedFile(
            refused.file, f"{refused.reason}; it stays, as it cannot go to the quarantine: {error}"
        )
    return RefusedFile(refused.file, refused.reason, item_id)


def _payload(data: bytes) -> tuple[bytes, str]:
    """Return the payload in a job's file, which an operator can correct and release, and the name of its mapping.

    Of a file that holds no job, the file as it is.
    """
    try:
        arguments = json.loads(data.partition(b"\n")[2])["arguments"]
        return compact(arguments["payload"]), str(arguments.get("mapping", {}).get("name", ""))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return data, ""
