"""Every address of the status page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from producers.http.page import home, jobs, kept, render, syncs
from producers.http.page.sign_in import get_sign_in, post_sign_in, sign_out
from producers.http.page.visit import action, view

#: Files that anybody may fetch; they say nothing.
FILES = ("page.css", "page.js", "icon.svg")


def page_routes() -> list[Route]:
    """Return the routes; they are for browsers and no part of the API's description."""
    return [
        Route("/", view(home.home), methods=["GET"]),
        Route("/sign-in", get_sign_in, methods=["GET"]),
        Route("/sign-in", post_sign_in, methods=["POST"]),
        Route("/sign-out", view(sign_out), methods=["POST"]),
        Route("/jobs", view(jobs.find), methods=["GET"]),
        Route("/jobs/{id}", view(jobs.show), methods=["GET"]),
        Route("/replay", action(jobs.replay), methods=["POST"]),
        Route("/queues/{queue}/pause", action(home.pause), methods=["POST"]),
        Route("/queues/{queue}/resume", action(home.resume), methods=["POST"]),
        Route("/syncs", view(syncs.listing), methods=["GET"]),
        Route("/syncs/{id}/approve", action(syncs.approve), methods=["POST"]),
        Route("/quarantine", view(kept.listing), methods=["GET"]),
        Route("/quarantine/{id}", view(kept.show), methods=["GET"]),
        Route("/quarantine/{id}/retry", action(kept.retry), methods=["POST"]),
        Route("/quarantine/{id}/drop", action(kept.drop), methods=["POST"]),
        Route("/static/{name}", _static, methods=["GET"]),
    ]


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    return render.static(name) if name in FILES else Response(status_code=404)
