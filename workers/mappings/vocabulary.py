"""The words of vocabulary.yaml, by which detections name things."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


def words(section: str) -> tuple[str, ...]:
    """Return the words of a section, in their order."""
    return tuple(_sections()[section].split())


def kinds() -> dict[str, tuple[str, ...]]:
    """Return the kinds of detections, each with the words by which it is known, in their order."""
    return {kind: tuple(text.split()) for kind, text in _sections()["kinds"].items()}


@lru_cache(maxsize=1)
def _sections() -> dict[str, Any]:
    text = Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8")
    sections: dict[str, Any] = yaml.safe_load(text)
    return sections
