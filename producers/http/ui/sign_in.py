"""Signing in with a token and out again."""

from __future__ import annotations

import re
import secrets

import structlog
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, peer, prove
from producers.http.problems import Problem
from producers.http.tokens import permitted
from producers.http.ui import render
from producers.http.ui.session import (
    SESSION_S,
    PageRequest,
    Sessions,
    audit_of,
    cookie_name,
    is_secure,
    read_form,
    refusal,
    same,
    secured,
)
from workers.core.errors import ServiceAway

log = structlog.get_logger("tq.http.page")

#: A place on this site: one slash first, so that it can never be another host.
_PLACE = re.compile(r"/(?![/\\])[\w./?=&%+~-]*", re.ASCII)

#: The cookie that makes a sign-in form one of ours, before there is a session.
_FORM_COOKIE = "tq-form"

#: Bytes of a sign-in form.
_MOST_BYTES = 8_192

#: Seconds in which a sign-in form must be sent.
_FORM_S = 3600


async def get_sign_in(request: Request) -> Response:
    """Answer the form that asks for a token; a user whom a proxy has signed in needs none."""
    context: HttpContext = request.app.state.context
    next_place = request.query_params.get("next", "/")
    try:
        user = context.single_sign_on.user(request)
    except Problem as problem:
        return secured(context, request, refusal(problem))
    if user:
        return secured(context, request, render.go_to(place(next_place)))
    return _form(context, request, next_place=next_place)


async def post_sign_in(request: Request) -> Response:
    """Open a session for a token that may read; wrong ones are counted by the sender's address."""
    context: HttpContext = request.app.state.context
    form: dict[str, str] = {}
    try:
        form = dict(await read_form(context, request, most_bytes=_MOST_BYTES))
        if not same(form.get("csrf", ""), request.cookies.get(_FORM_COOKIE, "")):
            raise Problem(
                403, "forged", "the form is too old, or cookies are switched off; reload and try again"
            )
        return await _signed_in(context, request, form)
    except (Problem, ServiceAway) as error:
        if isinstance(error, Problem) and error.status in (401, 403, 429):
            return _form(context, request, next_place=form.get("next", "/"), problem=error)
        return secured(context, request, refusal(error))


async def _signed_in(context: HttpContext, request: Request, form: dict[str, str]) -> Response:
    address = peer(request)
    token = form.get("token", "").strip()
    shown = context.tokens.find(f"Bearer {token}")
    if shown is None and (wait_s := context.attempts.wrong(address)):
        context.sign_ins_refused.count()
        raise Problem(
            429,
            "too_many",
            f"too many attempts; try again in {wait_s:.0f} s",
            headers={"Retry-After": str(round(wait_s) + 1)},
        )
    try:
        caller = permitted(shown, "read")
    except Problem as problem:
        log.warning("sign-in refused", address=address, code=problem.code)
        context.sign_ins_refused.note(shown.name if shown else "", address, problem.code)
        raise _in_words(problem) from problem
    prove(request)
    audit = audit_of(context, caller, request)
    cookie = await context.pages.run(Sessions(context.admin.redis, context.tokens).open, token, audit)
    response = render.go_to(place(form.get("next", "/")))
    secure = is_secure(context, request)
    response.set_cookie(
        cookie_name(context, request), cookie, SESSION_S, httponly=True, samesite="strict", secure=secure
    )
    response.delete_cookie(_FORM_COOKIE, path="/sign-in")
    return secured(context, request, response)


def sign_out(page_request: PageRequest) -> Response:
    """End the session, and let the proxy end its own where it signed the user in."""
    page_request.sessions.close(page_request.session, page_request.audit)
    if page_request.session.caller.is_user:
        # The page leads there, since a form of ours may not be sent on to another site.
        return render.html("again.html", {"target": page_request.context.single_sign_on.sign_out})
    response = render.go_to("/sign-in")
    response.delete_cookie(
        cookie_name(page_request.context, page_request.request),
        httponly=True,
        samesite="strict",
        secure=is_secure(page_request.context, page_request.request),
    )
    return response


def place(text: str) -> str:
    """Return where to go after signing in; anything that is no path of this site becomes the first page."""
    return text if _PLACE.fullmatch(text) else "/"


def _form(
    context: HttpContext, request: Request, *, next_place: str, problem: Problem | None = None
) -> Response:
    csrf = secrets.token_urlsafe(32)
    values = {
        "csrf": csrf,
        "next_place": place(next_place),
        "problem": problem.detail if problem else "",
        "open_to_all": context.tokens.open_to_all,
    }
    response = render.html("sign_in.html", values, status=problem.status if problem else 200)
    secure = is_secure(context, request)
    response.set_cookie(
        _FORM_COOKIE, csrf, _FORM_S, path="/sign-in", httponly=True, samesite="strict", secure=secure
    )
    if problem:
        response.headers.update(problem.headers)
    return secured(context, request, response)


def _in_words(problem: Problem) -> Problem:
    if problem.status == 401:
        return Problem(401, problem.code, "no such token; ask the operator who set TQ_HTTP_TOKENS")
    return Problem(403, problem.code, "this token may not read; ask for one with the scope read")
