"""The simulated ThreatQ as a Starlette application."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from sandbox.threatq import control, ui
from sandbox.threatq.handlers import (
    children,
    connectors,
    files,
    imports,
    library,
    lookups,
    objects,
    searches,
)
from sandbox.threatq.model.call import Handler
from sandbox.threatq.model.state import ThreatQ
from sandbox.threatq.serving import Link, endpoint, token_endpoint


def create_app(threatq: ThreatQ, more: Sequence[Route] = ()) -> Starlette:
    """Serve one simulated ThreatQ: its API, its levers and its pages, and `more` pages beside them."""
    api = [
        Route(f"/api/{path}", endpoint(threatq, handler, **fixed), methods=[method])
        for method, path, handler, fixed in _ROUTES
    ]
    token = Route("/api/token", token_endpoint(threatq), methods=["POST"])
    app = Starlette(
        routes=[token, *api, *control.routes(threatq), *ui.routes(threatq), *more],
        middleware=[Middleware(Link, threatq=threatq)],
    )
    app.state.threatq = threatq
    return app


_Entry = tuple[str, str, Handler, dict[str, str]]

_LOOKUPS: list[_Entry] = [
    entry
    for noun, lookup in (
        ("indicator", "types"),
        ("indicator", "statuses"),
        ("event", "types"),
        ("attachments", "types"),
    )
    for entry in (
        ("GET", f"{noun}/{lookup}", lookups.index, {"noun": noun, "lookup": lookup}),
        ("GET", f"{noun}/{lookup}/{{id:int}}", lookups.show, {"noun": noun, "lookup": lookup}),
    )
]

_CHILDREN: list[_Entry] = [
    entry
    for name in ("attributes", "sources", "tags", "comments", "watchlist", "spearphish")
    for entry in (
        ("GET", f"{{collection}}/{{id:int}}/{name}", children.index, {"children": name}),
        ("POST", f"{{collection}}/{{id:int}}/{name}", children.add, {"children": name}),
        ("PUT", f"{{collection}}/{{id:int}}/{name}/{{row:int}}", children.change, {"children": name}),
        ("DELETE", f"{{collection}}/{{id:int}}/{name}/{{row:int}}", children.remove, {"children": name}),
        ("PUT", f"{{collection}}/{name}/{{row:int}}", children.change, {"children": name}),
    )
]

# The first match wins, so what is more special stands first.
_ROUTES: list[_Entry] = [
    *_LOOKUPS,
    ("POST", "event/types", lookups.create_event_type, {}),
    ("GET", "objects", lookups.kinds, {}),
    ("GET", "users", lookups.users, {}),
    ("GET", "users/current", lookups.current_user, {}),
    ("GET", "configuration/proxy", lookups.proxy, {}),
    ("PUT", "indicator/{id:int}/scores", objects.set_score, {}),
    ("GET", "plugins", lookups.none, {}),
    ("GET", "investigations", lookups.none, {}),
    ("GET", "tags", lookups.tags, {}),
    ("POST", "attachments/upload", files.upload, {}),
    ("POST", "attachments", files.create, {}),
    ("GET", "attachments/{id:int}/download", files.download, {}),
    ("POST", "events/import", imports.create, {}),
    ("GET", "events/import/{id:int}", imports.show, {}),
    ("PUT", "events/import/{id:int}", imports.update, {}),
    ("PUT", "events/import/{id:int}/events/{event:int}", imports.change_event, {}),
    ("GET", "events/import/{id:int}/commit", imports.commit, {}),
    ("POST", "bulk/status", searches.set_status, {}),
    ("POST", "{collection}/bulk-delete", searches.delete, {}),
    ("POST", "search/advanced", searches.advanced, {}),
    ("GET", "search", library.keywords, {}),
    ("GET", "search/query", library.index, {}),
    ("POST", "search/query", library.create, {}),
    ("GET", "search/query/{hash}", library.show, {}),
    ("GET", "connectors", connectors.index, {}),
    ("POST", "connectors", connectors.register, {}),
    ("GET", "connectors/{id:int}", connectors.show, {}),
    ("PUT", "connectors/{id:int}", connectors.update, {}),
    ("POST", "{collection}/query", library.query, {}),
    ("GET", "{collection}/query/hash/{hash}", library.by_hash, {}),
    ("POST", "{collection}/consume", objects.consume, {}),
    ("POST", "{collection}/consume/new", objects.consume, {}),
    *_CHILDREN,
    ("POST", "{collection}/{id:int}/description", children.describe, {}),
    ("GET", "{collection}/{id:int}/description", children.description, {}),
    ("GET", "{collection}/{id:int}/details", objects.details, {}),
    ("GET", "{collection}/{id:int}/{other}", children.related, {}),
    ("POST", "{collection}/{id:int}/{other}", children.add_related, {}),
    ("DELETE", "{collection}/{id:int}/{other}", children.remove_related, {}),
    ("GET", "{collection}/{id:int}", objects.show, {}),
    ("PUT", "{collection}/{id:int}", objects.update, {}),
    ("DELETE", "{collection}/{id:int}", objects.delete, {}),
    ("GET", "{collection}", objects.index, {}),
    ("POST", "{collection}", objects.create, {}),
]
