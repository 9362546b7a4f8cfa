"""The simulated LogRhythm as an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.logrhythm import items, lists, page, people
from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.control import ROUTES
from sandbox.logrhythm.faults import BASE, FaultyGateway
from sandbox.logrhythm.replies import Refused
from sandbox.logrhythm.store import World

Endpoint = Callable[[Request], Awaitable[Response]]

_API: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/lists", lists.fetch),
    ("POST", "/lists", lists.upsert),
    ("GET", "/lists/{guid}", lists.details),
    ("POST", "/lists/{guid}/items", items.add),
    ("DELETE", "/lists/{guid}/items", items.remove),
    ("GET", "/persons", people.persons),
    ("GET", "/persons/{id}", people.person),
    ("GET", "/users", people.users),
    ("GET", "/users/user-logins", people.logins),
    ("GET", "/users/{id}", people.user),
    ("GET", "/users/{id}/login", people.login),
    ("GET", "/permissions", people.permissions),
)


def create_app(config: LogRhythmConfig | None = None) -> Starlette:
    """Return a LogRhythm of its own, without lists; `app.state.world` is what it consists of."""
    world = World(config or LogRhythmConfig())
    app = Starlette(
        routes=[*_api_routes(), *ROUTES, *page.ROUTES],
        middleware=[Middleware(FaultyGateway, faults=world.faults, calls=world.calls)],
        exception_handlers={Refused: _refuse},
    )
    app.router.redirect_slashes = False
    app.state.world = world
    return app


def _api_routes() -> list[Route]:
    """Every path with and without its closing slash: a redirect would turn a POST into a GET."""
    return [
        Route(f"{BASE}{path}{slash}", endpoint, methods=[method])
        for method, path, endpoint in _API
        for slash in ("/", "")
    ]


async def _refuse(_request: Request, refused: Exception) -> Response:
    if not isinstance(refused, Refused):
        raise refused
    return refused.response()
