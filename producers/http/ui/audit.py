"""The audit trail: who did what, through what and from where, the newest first."""

from __future__ import annotations

import re
from itertools import islice
from typing import get_args

from starlette.responses import Response

from producers.http.ui.session import PageRequest
from workers.ledger.acts import Act
from workers.ledger.audit import AuditFilter, Recorded, entries

#: Entries on one page.
SHOWN = 100

#: How an entry's id looks.
_ID = re.compile(r"\d{1,16}-\d{1,16}")


def listing(page_request: PageRequest) -> Response:
    """Answer a page of the trail, of one act or one actor if so asked."""
    asked = page_request.asked("before")
    before = asked if _ID.fullmatch(asked) else "+"
    wanted = AuditFilter(act=page_request.asked("act"), by=page_request.asked("by")[:100])
    shown = list(islice(wanted.among(entries(page_request.context.admin.redis, before=before)), SHOWN + 1))
    return page_request.html(
        "audit.html",
        entries=shown[:SHOWN],
        acts=get_args(Act),
        wanted=wanted,
        older=_last(shown[:SHOWN]) if len(shown) > SHOWN else "",
        is_first=before == "+",
    )


def _last(shown: list[Recorded]) -> str:
    return shown[-1].id
