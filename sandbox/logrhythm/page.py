"""The page at `/`: the lists, as a person without LogRhythm's console would like to see them."""

from __future__ import annotations

from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse

from sandbox.logrhythm.store import StoredList, World, world_of
from sandbox.pages import page

#: Values shown of each list.
SAMPLES = 3


async def home(request: Request) -> HTMLResponse:
    """Return the page."""
    world = world_of(request)
    lists = sorted(world.store.lists.values(), key=lambda stored: str(stored.name))
    return page(
        "logrhythm.html",
        mode=world.config.mode,
        lists=[_shown(stored, world) for stored in lists],
        items=sum(len(stored.values) for stored in lists),
    )


def _shown(stored: StoredList, world: World) -> dict[str, object]:
    return {
        "summary": stored.summary,
        "owner": world.owner_name(stored.summary.get("owner")),
        "count": len(stored.values),
        "samples": list(islice(stored.values, SAMPLES)),
    }
