"""Draws the diagrams of the documentation; `tools.drawings` says what they show."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from msgspec import Struct

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"

#: Units of the drawing: the height of a line of text, and the room around a drawing.
LINE, ROOM = 17, 16

#: Colours by light and dark, so that a drawing is readable in a page of either kind: on a ground of its own, with
#: nothing loaded from elsewhere.
STYLE = """
svg { --ground: #ffffff; --ink: #1c2333; --dim: #566073; --line: #7b8798; --box: #f2f5f9;
  --ours: #e3edff; --ours-line: #3f6fd1; --kept: #fff1d6; --kept-line: #b8790a; --bad: #fde5e4; --bad-line: #c0392b;
  --good: #e2f5e8; --good-line: #2b8a4b; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #161b22; --ink: #e6eaf0; --dim: #a3adbd; --line: #7f8b9d; --box: #232a34;
    --ours: #1d2d4b; --ours-line: #6f9cf0; --kept: #3b2d10; --kept-line: #e0a53a; --bad: #44201f; --bad-line: #ef8177;
    --good: #17341f; --good-line: #5cc27f; }
}
.ground { fill: var(--ground); }
.box { fill: var(--box); stroke: var(--line); stroke-width: 1.4; }
.ours { fill: var(--ours); stroke: var(--ours-line); } .kept { fill: var(--kept); stroke: var(--kept-line); }
.bad { fill: var(--bad); stroke: var(--bad-line); } .good { fill: var(--good); stroke: var(--good-line); }
.way { fill: none; stroke: var(--line); stroke-width: 1.6; } .tip { fill: var(--line); }
.broken { stroke-dasharray: 5 4; }
text { fill: var(--ink); font: 14px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.title { font-weight: 600; } .small { fill: var(--dim); font-size: 12.5px; }
"""


class Box(Struct, frozen=True):
    """A box with a title and small lines below it; `kind`: "", ours, kept, bad or good."""

    x: int
    y: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    kind: str = ""


class Way(Struct, frozen=True):
    """An arrow along `points`; its words stand at `at`, in the middle of `at` unless `anchor` says otherwise."""

    points: tuple[tuple[int, int], ...]
    words: tuple[str, ...] = ()
    at: tuple[int, int] = (0, 0)
    anchor: str = "middle"
    broken: bool = False


class Drawing(Struct, frozen=True):
    """A drawing, and what it says to whoever cannot see it."""

    width: int
    height: int
    says: str
    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]


def svg(drawing: Drawing) -> str:
    """Return the drawing as a file of its own."""
    width, height = drawing.width + 2 * ROOM, drawing.height + 2 * ROOM
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-ROOM} {-ROOM} {width} {height}"'
            f' width="{width}" height="{height}" role="img" aria-label="{escape(drawing.says)}">',
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8"'
            ' orient="auto-start-reverse"><path class="tip" d="M0,1 L10,5 L0,9 z"/></marker></defs>',
            f'<rect class="ground" x="{-ROOM}" y="{-ROOM}" width="{width}" height="{height}" rx="10"/>',
            *(part for way in drawing.ways for part in _way(way)),
            *(part for box in drawing.boxes for part in _box(box)),
            "</svg>\n",
        ]
    )


def _box(box: Box) -> Iterator[str]:
    place = f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="7"'
    yield f'<rect class="box {box.kind}" {place}/>'
    middle = box.x + box.width // 2
    top = box.y + box.height // 2 - LINE * len(box.lines) // 2 + 5
    yield f'<text class="title" x="{middle}" y="{top}" text-anchor="middle">{escape(box.title)}</text>'
    yield from _texts(box.lines, (middle, top + LINE), "middle")


def _way(way: Way) -> Iterator[str]:
    points = " ".join(f"{x},{y}" for x, y in way.points)
    dashes = " broken" if way.broken else ""
    if points:
        yield f'<polyline class="way{dashes}" points="{points}" marker-end="url(#tip)"/>'
    yield from _texts(way.words, way.at, way.anchor)


def _texts(lines: tuple[str, ...], at: tuple[int, int], anchor: str) -> Iterator[str]:
    for number, line in enumerate(lines):
        place = f'x="{at[0]}" y="{at[1] + number * LINE}" text-anchor="{anchor}"'
        yield f'<text class="small" {place}>{escape(line)}</text>'
