"""A request's headers, sorted out once: Starlette walks through all of them for each that is asked for."""

from __future__ import annotations

from starlette.requests import Request


def header(request: Request, name: bytes) -> str:
    """Return a header by its name in small letters, or "" where there is none."""
    found: dict[bytes, bytes] | None = request.scope.get("tq.headers")
    if found is None:
        found = request.scope["tq.headers"] = dict(request.scope["headers"])
    return found.get(name, b"").decode("latin-1")
