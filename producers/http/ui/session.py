"""What every page passes: a session, and for each form proof that it came from a page of ours.

A session is a random cookie; Redis has, under the cookie's digest, the digest of the token that opened it. A user whom
a proxy signs in with each request needs no cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from producers.http.context import HttpContext, peer, prove
from producers.http.problems import Problem
from producers.http.request import READ_ASIDE, read_body
from producers.http.tokens import ApiTokens, TokenHolder
from producers.http.ui import render
from workers.core.errors import InputError, ServiceAway
from workers.ledger import keys
from workers.ledger.acts import Actor
from workers.ledger.admin import LedgerAdmin
from workers.ledger.audit import Audit
from workers.ledger.client import RedisClient
from workers.ledger.small_writes import write

#: Seconds after which a session ends: a working day.
SESSION_S = 8 * 3600

#: Bytes of a form: an item of the quarantine that is corrected, with every character escaped.
_MOST_FORM_BYTES = 400_000

#: How a cookie of ours looks; Redis is not asked for any other.
_COOKIE = re.compile(r"[\w-]{43}", re.ASCII)

#: Fields of a form: a whole list of jobs with a tick each.
_MOST_FIELDS = 1_000

Endpoint = Callable[[Request], Awaitable[Response]]


class Session(Struct, frozen=True):
    """An open session: its name in Redis, whose token or user it is of, and what each of its forms must carry."""

    id: str
    caller: TokenHolder
    csrf: str

    def may(self, scope: str) -> bool:
        """Tell whether this person may do what needs `scope`."""
        return self.caller.may(scope)


class Sessions:
    """Sessions in Redis; raises ServiceAway("redis"). A token that is taken out of the settings ends its sessions."""

    def __init__(self, redis: RedisClient, tokens: ApiTokens) -> None:
        self.redis = redis
        self.tokens = tokens

    def open(self, token: str, audit: Audit) -> str:
        """Open a session for a token that was found good; return the text of its cookie."""
        cookie = secrets.token_urlsafe(32)
        key = keys.session(_digest(cookie))
        fields = ("token", _digest(token), "csrf", secrets.token_urlsafe(32))
        # In a full Redis too: that is when an operator looks.
        write(self.redis, ("HSET", key, *fields), ("EXPIRE", key, SESSION_S))
        audit.record("sign-in")
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie while it and its token are good."""
        session_id = _digest(cookie)
        token, csrf = self.redis.hmget(keys.session(session_id), "token", "csrf")
        if token is None or csrf is None:
            return None
        caller = self.tokens.holder(token.decode())
        return Session(session_id, caller, csrf.decode()) if caller and caller.may("read") else None

    def lasts(self, session: Session) -> bool:
        """Tell whether a session that was found is still open, and its token good."""
        token, csrf = self.redis.hmget(keys.session(session.id), "token", "csrf")
        if session.caller.is_user or csrf is None or token is None:
            return csrf is not None and session.caller.is_user
        return self.tokens.holder(token.decode()) is not None

    def of_user(self, user: TokenHolder, audit: Audit) -> Session:
        """Return the session of a user whom a proxy signed in; each has one, which lasts while it is used."""
        # No cookie has a colon, so none leads here.
        session_id = _digest(f"user:{user.name}")
        key = keys.session(session_id)
        is_new, csrf, _ = write(
            self.redis,
            ("HSETNX", key, "csrf", secrets.token_urlsafe(32)),
            ("HGET", key, "csrf"),
            ("EXPIRE", key, SESSION_S),
        )
        if is_new:
            audit.record("sign-in")
        return Session(session_id, user, csrf.decode())

    def close(self, session: Session, audit: Audit) -> None:
        """Forget a session."""
        self.redis.delete(keys.session(session.id))
        audit.record("sign-out")

    def say(self, session: Session, text: str) -> None:
        """Leave a sentence for the next page that this person sees."""
        # A session that ended meanwhile must not come back as a hash that never expires.
        if self.redis.exists(keys.session(session.id)):
            write(self.redis, ("HSET", keys.session(session.id), "said", text))

    def said(self, session: Session) -> str:
        """Return the sentence that was left, once."""
        key = keys.session(session.id)
        sentence, _ = write(self.redis, ("HGET", key, "said"), ("HDEL", key, "said"))
        return sentence.decode() if sentence else ""


def same(one: str, other: str) -> bool:
    """Compare two secret texts in constant time; empty ones are never the same."""
    return bool(one) and hmac.compare_digest(one.encode(), other.encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class PageRequest(Struct, frozen=True):
    """A request to the page within a session."""

    context: HttpContext
    sessions: Sessions
    session: Session
    request: Request
    form: list[tuple[str, str]]

    @property
    def audit(self) -> Audit:
        """The audit trail, for what this person does."""
        return audit_of(self.context, self.session.caller, self.request)

    @property
    def admin(self) -> LedgerAdmin:
        """The operator's side of the ledger, for what this person does."""
        return LedgerAdmin(self.context.admin.redis, self.audit)

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
            "may_audit": self.session.may("audit"),
            # What the open page fetches anew by itself (page.js) shows no sentence, so it may not take it.
            "said": "" if "TQ-Look" in self.request.headers else self.sessions.said(self.session),
            "path": self.request.url.path,
            "query": "",
        }
        return render.html(template, frame | values)

    def done(self, sentence: str, path: str) -> Response:
        """Go on to `path`, which shows what was done."""
        self.sessions.say(self.session, sentence)
        return render.go_to(path)


def audit_of(context: HttpContext, caller: TokenHolder, request: Request) -> Audit:
    """Return the audit trail, for what a caller does on the page."""
    via = "single sign-on" if caller.is_user else "page"
    return context.audit.by(Actor(caller.name, via, peer(request)))


Handle = Callable[[PageRequest], Response]


def view(handle: Handle, *, scope: str = "read") -> Endpoint:
    """Return an endpoint that needs a session, and its token a scope."""
    return _endpoint(handle, scope=scope)


def action(handle: Handle) -> Endpoint:
    """Return an endpoint for forms that need the scope `operate`."""
    return _endpoint(handle, scope="operate")


def _endpoint(handle: Handle, *, scope: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        context: HttpContext = request.app.state.context
        try:
            return secured(context, request, await _answer(context, request, handle, scope))
        except (Problem, InputError, ServiceAway) as error:
            return secured(context, request, refusal(error))

    return endpoint


async def _answer(context: HttpContext, request: Request, handle: Handle, scope: str) -> Response:
    """Answer a page; a form is received only within a session."""
    if request.method == "POST":
        refuse_foreign(request)
    sessions = Sessions(context.admin.redis, context.tokens)
    session = await _session(context, request, sessions)
    if session is None:
        return _sign_in_first(request)
    prove(request)
    form = await read_form(context, request, most_bytes=_MOST_FORM_BYTES) if request.method == "POST" else []
    return await context.pages.run(
        _handled, PageRequest(context, sessions, session, request, form), handle, scope
    )


async def _session(context: HttpContext, request: Request, sessions: Sessions) -> Session | None:
    """Return the session of the user whom a proxy signed in, else the cookie's; raises Problem."""
    if user := context.single_sign_on.user(request):
        return await context.pages.run(sessions.of_user, user, audit_of(context, user, request))
    cookie = request.cookies.get(cookie_name(context, request), "")
    return await context.pages.run(sessions.find, cookie) if _COOKIE.fullmatch(cookie) else None


def _handled(page_request: PageRequest, handle: Handle, scope: str) -> Response:
    session = page_request.session
    if page_request.request.method == "POST" and not same(page_request.field("csrf"), session.csrf):
        raise Problem(
            403, "forged", "this form is not from a page of this session; go back, reload and try again"
        )
    if not session.may(scope):
        raise Problem(403, "forbidden", f"{session.caller.actor} may look but not touch: it lacks {scope}")
    return handle(page_request)


def _sign_in_first(request: Request) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET":
        return render.go_to("/sign-in")
    if request.headers.get("sec-fetch-site") == "cross-site":
        # The user followed a link from a chat or a mail, and a strict cookie stays away the first time.
        return render.html("again.html", {"target": path})
    return render.go_to("/sign-in" + (f"?next={quote(path, safe='')}" if path != "/" else ""))


async def read_form(context: HttpContext, request: Request, *, most_bytes: int) -> list[tuple[str, str]]:
    """Return the fields of a form that a page of ours sent; raises Problem."""
    refuse_foreign(request)
    async with context.forms.receiving(peer(request)):
        data = await read_body(request, most_bytes=most_bytes)
    if len(data) > READ_ASIDE:
        return await context.pages.run(_fields, data)
    return _fields(data)


def _fields(data: bytes) -> list[tuple[str, str]]:
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


def is_secure(context: HttpContext, request: Request) -> bool:
    """Tell whether the browser speaks TLS, with us or with the proxy before us."""
    return request.url.scheme == "https" or context.settings.http_behind_tls


def cookie_name(context: HttpContext, request: Request) -> str:
    """Return the session cookie's name; the prefix makes browsers refuse one that was not set over TLS by this host."""
    return "__Host-tq" if is_secure(context, request) else "tq"


def secured(context: HttpContext, request: Request, response: Response) -> Response:
    """Return `response` with what holds browsers to TLS, where TLS is spoken."""
    if is_secure(context, request):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def refusal(error: Problem | InputError | ServiceAway) -> Response:
    """Return a page that says what went wrong."""
    status = error.status if isinstance(error, Problem) else 503 if isinstance(error, ServiceAway) else 409
    response = render.html("problem.html", {"status": status, "problem": str(error)}, status=status)
    if isinstance(error, Problem):
        response.headers.update(error.headers)
    return response
