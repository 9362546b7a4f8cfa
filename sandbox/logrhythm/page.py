"""The page at `/`: the lists, for those who have no LogRhythm console."""

from __future__ import annotations

from html import escape
from itertools import islice

from starlette.requests import Request
from starlette.responses import HTMLResponse

from sandbox.logrhythm.store import StoredList, World, world_of

#: Values shown of each list.
SAMPLES = 3

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
  padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; white-space: nowrap; }
td.count { font-variant-numeric: tabular-nums; text-align: right; }
code { font-size: .82em; overflow-wrap: anywhere; white-space: normal; }
tr.retired { opacity: .55; }
.wide { overflow-x: auto; }
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simulated LogRhythm</title><style>{style}</style></head>
<body><h1>Simulated LogRhythm {mode}</h1>
<p>{lists} lists, {items} items. Nothing here is real. Faults and counters:
<code>/sandbox/faults</code>, <code>/sandbox/calls</code>.</p>
<div class="wide"><table><thead><tr><th>List</th><th>Type</th><th>Context</th><th>Status</th><th>Owner</th>
<th>Items</th><th>For example</th><th>Changed</th></tr></thead><tbody>{rows}</tbody></table></div>
</body></html>
"""


async def home(request: Request) -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(render(world_of(request)))


def render(world: World) -> str:
    """Write the page; everything that came from outside is escaped."""
    lists = sorted(world.store.lists.values(), key=lambda one: one.name)
    rows = "\n".join(_row(one, world) for one in lists)
    return _PAGE.format(
        style=_STYLE,
        mode=escape(world.config.mode),
        lists=len(lists),
        items=f"{sum(len(one.values) for one in lists):,}",
        rows=rows or '<tr><td colspan="8">No list yet: run a sync.</td></tr>',
    )


def _row(stored: StoredList, world: World) -> str:
    told = stored.summary
    samples = "<br>".join(f"<code>{escape(value)}</code>" for value in islice(stored.values, SAMPLES))
    cells = (
        told["name"],
        told["listType"],
        ", ".join(told["useContext"]),
        told["status"],
        world.owner_name(told.get("owner")),
    )
    start = '<tr class="retired">' if told["status"] == "Retired" else "<tr>"
    return (
        start
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
        + f'<td class="count">{len(stored.values):,}</td><td>{samples}</td>'
        + f"<td>{escape(str(told['dateUpdated'])[:19].replace('T', ' '))}</td></tr>"
    )
