"""What is ours by a data collection of ThreatQ: told by the workers, who read it, to entries that only show events."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

import structlog

from workers.core.errors import ServiceAway
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.sealing import opened, sealed, why_locked

if TYPE_CHECKING:
    from workers.ledger.accept import Flow

log = structlog.get_logger(__name__)

#: Seconds for which they are believed; workers read the collection every ten minutes.
TOLD_S = 1_800

#: Bytes as they are stored: of a larger collection nothing is told, and a worker decides.
MOST_BYTES = 4_194_304


def tell_assets(redis: RedisClient, collection: str, values: tuple[str, ...]) -> None:
    """Tell the values of a collection; what goes wrong with that stops nothing."""
    text = sealed(zlib.compress(json.dumps({"collection": collection, "values": values}).encode()))
    try:
        if len(text) <= MOST_BYTES:
            redis.set(keys.OWN_ASSETS, text, ex=TOLD_S)
        else:
            redis.delete(keys.OWN_ASSETS)
    except ServiceAway as error:
        log.debug("own assets are not told", collection=collection, reason=str(error))


def told_flow(collection: str) -> Flow[tuple[str, ...] | None]:
    """Return the values of a collection; None where no worker has told them, or they cannot be read here."""
    (text,) = yield [("GET", keys.OWN_ASSETS)]
    return _read(text, collection) if text else None


def _read(text: bytes, collection: str) -> tuple[str, ...] | None:
    if why_locked(text):
        return None
    try:
        fields = json.loads(zlib.decompress(opened(text)))
        return tuple(map(str, fields["values"])) if fields["collection"] == collection else None
    except (ValueError, LookupError, TypeError, zlib.error):
        return None
