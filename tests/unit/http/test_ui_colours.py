"""The status page's colours can be told apart (WCAG 2: 4.5 to 1 for text), in the light and in the dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[3] / "producers/http/ui/static/page.css").read_text()

#: Text and what it stands on.
PAIRS = (
    "ink page",
    "ink card",
    "ink soft",
    "dim page",
    "dim card",
    "dim soft",
    "accent card",
    "accent page",
    "accent accent-soft",
    "on-accent accent",
    "good good-soft",
    "warn warn-soft",
    "bad bad-soft",
    "bad card",
    "bad soft",
    "warn card",
)


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block)) for block in blocks)
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pair", PAIRS)
def test_text_stands_out_from_what_it_stands_on(scheme: str, pair: str) -> None:
    one, other = sorted((luminance(palettes()[scheme][name]) for name in pair.split()), reverse=True)
    assert (one + 0.05) / (other + 0.05) >= 4.5
