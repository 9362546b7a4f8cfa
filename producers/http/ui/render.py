"""From a template to an answer, with the headers that let a browser do no more than the page needs.

Times, ages and counts are written for people; text from outside is made visible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from workers.core.text import age, counted, moment

#: Style and script come from files of ours alone; no other page may show ours in a frame; forms stay here.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

#: Headers of every page. The Referer stays, for us alone: without it browsers send a form's Origin as null.
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

#: Seconds for which a browser keeps style and script.
_KEEP_FILES_S = 300

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

#: Control characters, the marks that turn the direction of writing, and halves of surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def html(template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return a page; every value is escaped by the template engine."""
    text = _templates().get_template(template).render(values)
    return Response(text.encode(), status, headers=HEADERS, media_type="text/html; charset=utf-8")


def go_to(path: str) -> Response:
    """Send the browser on with a GET."""
    return Response(status_code=303, headers={**HEADERS, "Location": path})


def static(name: str) -> Response:
    """Return a file of ours."""
    headers = {**HEADERS, "Cache-Control": f"max-age={_KEEP_FILES_S}"}
    return Response(_file(name), headers=headers, media_type=_TYPES[name.rpartition(".")[2]])


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath("static", name).read_bytes()


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("producers.http.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    templates.filters |= {used.__name__: used for used in (moment, clock, iso, age, pretty)}
    templates.filters["count"] = counted
    return templates


def visible(value: Any) -> Any:
    """Return text in which nothing hides or reorders itself; what is no plain text stays as it is."""
    return _HIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", value) if type(value) is str else value


def clock(ms: int) -> str:
    """Return the hour and minute in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def iso(ms: int) -> str:
    """Return a time for programs."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def pretty(value: Any) -> str:
    """Return a value as JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
