"""The few pieces of HTML that the pages are made of; everything that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d9dde3, #373e47); --soft: light-dark(#f5f6f8, #22272e);
  --ink: light-dark(#1f2430, #dfe4ea); --dim: light-dark(#667085, #8b949e); --accent: light-dark(#1a5fb4, #78aeed);
  --alarm: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink);
  background: light-dark(#fff, #1a1e24); }
a { color: var(--accent); text-decoration: none; } a:hover { text-decoration: underline; }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.3rem; margin: .3rem 0; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
.dim { color: var(--dim); } .alarm { color: var(--alarm); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .85rem; }
th, td { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; border-radius: 6px; }
form { display: inline; }
button { font: inherit; font-size: .9rem; padding: .25rem .7rem; margin: 0 .3rem .3rem 0; border-radius: 6px;
  border: 1px solid var(--line); background: var(--soft); color: inherit; cursor: pointer; }
button:hover { border-color: var(--accent); }
input { font: inherit; padding: .2rem .5rem; border: 1px solid var(--line); border-radius: 6px; background: transparent;
  color: inherit; }
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Any value as HTML; what is HTML already stays as it is."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(str(value)))


def join(parts: Iterable[object]) -> Html:
    """Pieces one after another."""
    return Html("".join(text(part) for part in parts))


def tag(name: str, /, *content: object, **attributes: object) -> Html:
    """An element; a trailing underscore in an attribute's name is dropped."""
    return Html(f"<{name}{_attributes(attributes)}>{join(content)}</{name}>")


def void(name: str, /, **attributes: object) -> Html:
    """An element that holds nothing and has no end tag."""
    return Html(f"<{name}{_attributes(attributes)}>")


def link(address: str, label: object) -> Html:
    """A link within the pages."""
    return tag("a", label, href=address)


def table(head: Iterable[str], rows: Iterable[Iterable[object]], empty: str) -> Html:
    """A table, or a sentence when there is nothing to show."""
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    if not body:
        return tag("p", empty, class_="dim")
    top = tag("tr", *(tag("th", cell) for cell in head))
    return tag("div", tag("table", top, *body), class_="wide")


def button(label: str, action: str, **fields: object) -> Html:
    """A button that posts these fields to the pages' own levers."""
    hidden = [void("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    return tag("form", *hidden, tag("button", label), method="post", action=action)


def document(title: str, *content: object) -> Html:
    """A whole page."""
    metas = [void("meta", charset="utf-8"), void("meta", name="viewport", content="width=device-width")]
    head = tag("head", *metas, tag("title", title), tag("style", Html(STYLE)))
    top = tag("header", tag("h1", link("/", "Sandbox ThreatQ")), tag("span", title, class_="dim"))
    return join([Html("<!doctype html>"), tag("html", head, tag("body", top, *content), lang="en")])


def _attributes(given: dict[str, object]) -> str:
    return "".join(f' {name.rstrip("_")}="{escape(str(value))}"' for name, value in given.items())
