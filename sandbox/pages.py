"""The pages of the simulated services, from Jinja templates that escape whatever comes from outside."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse


def page(request: Request, template: str, **values: object) -> HTMLResponse:
    """Return a page; it links to the others of the simulated system, which `app.state.links` names."""
    links: dict[str, str] = getattr(request.app.state, "links", {})
    return HTMLResponse(_templates().get_template(template).render(values, links=links))


def is_from_other_site(request: Request) -> bool:
    """Tell whether a form was sent by another site: any one that a person visits could send it."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("sandbox"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
