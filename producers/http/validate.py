"""`POST /v1/events:validate`: what a payload would become, for whoever builds a flow; nothing is accepted."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.body import read_body
from producers.http.door import Door, answer
from producers.http.events import check_count
from producers.http.shapes import Checked, Validation
from producers.http.tokens import Caller
from workers.intake import Piece, Refused
from workers.payload.builder import plan_event


async def post_validate(door: Door, request: Request, _caller: Caller) -> Response:
    """Answer the plan of each payload, or why there is none."""
    data = await read_body(request, most_bytes=door.settings.http_max_body_bytes)
    pieces = await run_in_threadpool(lambda: list(door.intake.pieces(data)))
    check_count(door, len(pieces))
    items = await run_in_threadpool(lambda: [_checked(door, piece) for piece in pieces])
    return answer(Validation(all(item.valid for item in items), len(items), items))


def _checked(door: Door, piece: Piece | Refused) -> Checked:
    job = door.intake.job(piece) if isinstance(piece, Piece) else piece
    index = piece.position - 1
    if isinstance(job, Refused):
        return Checked(index, False, code=job.code, detail=job.detail, field=job.field)
    payload = job.arguments["payload"]
    plan = plan_event(payload, received_at=datetime.now(UTC), options=door.dialect, warnings=job.warnings)
    return Checked(index, True, id=job.id, payload=payload, plan=plan)
