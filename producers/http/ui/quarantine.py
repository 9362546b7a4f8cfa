"""The quarantine: what no producer could read is shown, corrected, tried again or dropped."""

from __future__ import annotations

from msgspec.structs import replace
from starlette.responses import Response

from producers.enqueue import release
from producers.http.problems import Problem
from producers.http.ui.session import PageRequest
from workers.core.errors import InputError
from workers.core.text import counted
from workers.ledger.ledger import open_ledger
from workers.ledger.quarantine import Quarantine, QuarantinedItem

#: Items on the page.
SHOWN = 100

#: Bytes of an item that can be corrected in the browser; of longer ones the beginning is shown.
_MOST_EDITED = 65_536


def listing(page_request: PageRequest) -> Response:
    """Answer the items, newest first."""
    quarantine = Quarantine(page_request.context.admin.redis)
    items = [quarantine.item(item_id) for item_id in quarantine.ids(SHOWN)]
    return page_request.html(
        "quarantine.html", items=[item for item in items if item], total=quarantine.count()
    )


def show(page_request: PageRequest) -> Response:
    """Answer one item with its text."""
    return _page(page_request, _item(page_request), problem="")


def retry(page_request: PageRequest) -> Response:
    """Read an item anew, as it is or corrected; once all of it is accepted it leaves the quarantine."""
    item, context = _item(page_request), page_request.context
    raw = page_request.field("text").encode() if page_request.field("text") else item.raw
    redis = context.admin.redis
    try:
        accepted = release(
            item.id,
            quarantine=Quarantine(redis),
            ledger=open_ledger(redis, context.settings),
            intake=context.intake,
            audit=page_request.audit,
            repaired=raw,
        )
    except InputError as error:
        return _page(page_request, replace(item, raw=raw), problem=str(error))
    if len(accepted) == 1:
        return page_request.done("It was read and accepted.", f"/jobs/{accepted[0].id}")
    return page_request.done(f"{counted(len(accepted), 'job')} accepted.", "/quarantine")


def drop(page_request: PageRequest) -> Response:
    """Forget an item for good."""
    item = _item(page_request)
    Quarantine(page_request.context.admin.redis).drop([item.id], page_request.audit)
    return page_request.done("The item is forgotten.", "/quarantine")


def _item(page_request: PageRequest) -> QuarantinedItem:
    item = Quarantine(page_request.context.admin.redis).item(page_request.request.path_params["id"])
    if item is None:
        raise Problem(404, "not_found", "this item is no longer in the quarantine")
    return item


def _page(page_request: PageRequest, item: QuarantinedItem, *, problem: str) -> Response:
    text, editable = _text(item.raw)
    return page_request.html("item.html", item=item, text=text, editable=editable, problem=problem)


def _text(raw: bytes) -> tuple[str, bool]:
    """Return an item's text, and whether that text stands for every byte of it."""
    try:
        return raw[:_MOST_EDITED].decode(), len(raw) <= _MOST_EDITED
    except UnicodeDecodeError:
        return raw[:_MOST_EDITED].decode(errors="backslashreplace"), False
