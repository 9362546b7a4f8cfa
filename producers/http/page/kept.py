"""The quarantine: what no door could read is shown, corrected, tried again or dropped."""

from __future__ import annotations

import structlog
from msgspec.structs import replace
from starlette.responses import Response

from producers.http.page.visit import Visit
from producers.http.page.words import count
from producers.http.problems import Problem
from producers.release import release
from workers.errors import InputError
from workers.ledger.opening import open_ledger
from workers.ledger.quarantine import Kept, Quarantine

log = structlog.get_logger("tq.http.page")

#: Items on the page.
SHOWN = 100

#: Bytes of an item that can be corrected in the browser; of longer ones the beginning is shown.
_MOST_EDITED = 65_536


def listing(visit: Visit) -> Response:
    """Answer the items, newest first."""
    quarantine = Quarantine(visit.door.desk.redis)
    items = [quarantine.item(item_id) for item_id in quarantine.ids(SHOWN)]
    return visit.html("quarantine.html", items=[item for item in items if item], total=quarantine.count())


def show(visit: Visit) -> Response:
    """Answer one item with its text."""
    return _page(visit, _item(visit), problem="")


def retry(visit: Visit) -> Response:
    """Read an item anew, as it is or corrected; once all of it is accepted it leaves the quarantine."""
    item, door = _item(visit), visit.door
    raw = visit.field("text").encode() if visit.field("text") else item.raw
    redis = door.desk.redis
    try:
        accepted = release(
            item.id,
            quarantine=Quarantine(redis),
            ledger=open_ledger(redis, door.settings),
            intake=door.intake,
            repaired=raw,
        )
    except InputError as error:
        return _page(visit, replace(item, raw=raw), problem=str(error))
    log.info("taken out of the quarantine", caller=visit.session.caller.name, item=item.id)
    if len(accepted) == 1:
        return visit.done("It was read and accepted.", f"/jobs/{accepted[0].id}")
    return visit.done(f"{count(len(accepted), 'job')} accepted.", "/quarantine")


def drop(visit: Visit) -> Response:
    """Forget an item for good."""
    item = _item(visit)
    Quarantine(visit.door.desk.redis).drop([item.id])
    log.info("dropped from the quarantine", caller=visit.session.caller.name, item=item.id)
    return visit.done("The item is forgotten.", "/quarantine")


def _item(visit: Visit) -> Kept:
    item = Quarantine(visit.door.desk.redis).item(visit.request.path_params["id"])
    if item is None:
        raise Problem(404, "not_found", "this item is no longer in the quarantine")
    return item


def _page(visit: Visit, item: Kept, *, problem: str) -> Response:
    text, editable = _text(item.raw)
    return visit.html("item.html", item=item, text=text, editable=editable, problem=problem)


def _text(raw: bytes) -> tuple[str, bool]:
    """Return an item's text, and whether that text stands for every byte of it."""
    try:
        return raw[:_MOST_EDITED].decode(), len(raw) <= _MOST_EDITED
    except UnicodeDecodeError:
        return raw[:_MOST_EDITED].decode(errors="backslashreplace"), False
