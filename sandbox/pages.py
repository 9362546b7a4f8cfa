"""The pages of the simulated services, from Jinja templates that escape whatever comes from outside."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse


def page(template: str, **values: object) -> HTMLResponse:
    """Return a page."""
    return HTMLResponse(_templates().get_template(template).render(values))


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("sandbox"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
