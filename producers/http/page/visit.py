"""What every page passes: a session, and for each form proof that it came from a page of ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from producers.http.body import read_body
from producers.http.door import Door
from producers.http.page import render
from producers.http.page.sessions import Session, Sessions, same
from producers.http.problems import Problem
from workers.errors import InputError, ServiceAway

#: Bytes of a form: an item of the quarantine that is corrected, with every character escaped.
_MOST_FORM_BYTES = 400_000

#: Fields of a form: a whole list of jobs with a tick each.
_MOST_FIELDS = 1_000


class Visit(Struct, frozen=True):
    """A request to the page by somebody who is signed in."""

    door: Door
    sessions: Sessions
    session: Session
    request: Request
    form: list[tuple[str, str]]

    def field(self, name: str) -> str:
        """Return a field of the form, or ""."""
        return next((value for key, value in self.form if key == name), "")

    def fields(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self.form if key == name]

    def asked(self, name: str) -> str:
        """Return a parameter of the query, or ""."""
        return self.request.query_params.get(name, "")

    def html(self, template: str, **values: Any) -> Response:
        """Return a page with what every page shows."""
        frame = {
            "session": self.session,
            "may_operate": self.session.may("operate"),
            "said": self.sessions.said(self.session),
            "path": self.request.url.path,
            "query": "",
        }
        return render.html(template, frame | values)

    def done(self, said: str, path: str) -> Response:
        """Go on to `path`, which shows what was done."""
        self.sessions.say(self.session, said)
        return render.go_to(path)


Handle = Callable[[Visit], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def view(handle: Handle) -> Endpoint:
    """Return an endpoint for whoever is signed in."""
    return _endpoint(handle, scope="read")


def action(handle: Handle) -> Endpoint:
    """Return an endpoint for forms of somebody who may operate."""
    return _endpoint(handle, scope="operate")


def _endpoint(handle: Handle, *, scope: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        door: Door = request.app.state.door
        try:
            form = await read_form(request) if request.method == "POST" else []
            return secured(
                door, request, await run_in_threadpool(_answer, door, request, form, handle, scope)
            )
        except (Problem, InputError, ServiceAway) as error:
            return secured(door, request, refusal(error))

    return endpoint


def _answer(
    door: Door, request: Request, form: list[tuple[str, str]], handle: Handle, scope: str
) -> Response:
    sessions = Sessions(door.desk.redis, door.tokens)
    session = sessions.find(request.cookies.get(cookie_name(door, request), ""))
    if session is None:
        return _sign_in_first(request)
    visit = Visit(door, sessions, session, request, form)
    if request.method == "POST" and not same(visit.field("csrf"), session.csrf):
        raise Problem(
            403, "forged", "this form is not from a page of this session; go back, reload and try again"
        )
    if not session.may(scope):
        raise Problem(
            403, "forbidden", f"the token {session.caller.name} may look but not touch: it lacks {scope}"
        )
    return handle(visit)


def _sign_in_first(request: Request) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        return render.go_to("/sign-in")
    if request.headers.get("sec-fetch-site") == "cross-site":
        # Somebody followed a link from a chat or a mail, and a strict cookie stays away the first time.
        return render.html("again.html", {"target": path})
    return render.go_to("/sign-in" + (f"?next={quote(path, safe='')}" if path != "/" else ""))


async def read_form(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form that a page of ours sent; raises Problem."""
    refuse_foreign(request)
    data = await read_body(request, most_bytes=_MOST_FORM_BYTES)
    try:
        return parse_qsl(
            data.decode(), keep_blank_values=True, strict_parsing=bool(data), max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise Problem(400, "bad_form", "the form cannot be read; go back, reload and try again") from error


def refuse_foreign(request: Request) -> None:
    """Raise Problem for a form that another site's page sent."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if site not in ("same-origin", "none") or foreign:
        raise Problem(403, "forged", "this form was sent by another site's page")


def is_secure(door: Door, request: Request) -> bool:
    """Tell whether the browser speaks TLS, with us or with the proxy before us."""
    return request.url.scheme == "https" or door.settings.http_behind_tls


def cookie_name(door: Door, request: Request) -> str:
    """Return the session cookie's name; the prefix makes browsers refuse one that was not set over TLS by this host."""
    return "__Host-tq" if is_secure(door, request) else "tq"


def secured(door: Door, request: Request, response: Response) -> Response:
    """Return `response` with what holds browsers to TLS, where TLS is spoken."""
    if is_secure(door, request):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def refusal(error: Problem | InputError | ServiceAway) -> Response:
    """Return a page that says what went wrong."""
    status = error.status if isinstance(error, Problem) else 503 if isinstance(error, ServiceAway) else 409
    response = render.html("problem.html", {"status": status, "problem": str(error)}, status=status)
    if isinstance(error, Problem):
        response.headers.update(error.headers)
    return response
