"""Of what kind a detection is, by the words of its own category, title and product."""

from __future__ import annotations

import re
from functools import lru_cache

from workers.mappings.vocabulary import kinds

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")

#: Each kind with its words as they stand in a text of words with one blank before each.
_KINDS = tuple(
    (kind, tuple(f" {word.replace('_', ' ')}" for word in words)) for kind, words in kinds().items()
)

#: Characters of a text that are looked at: what comes later in prose is about other things.
_LONGEST = 120

#: Words of so few letters are whole ones, no beginnings: `ids` is none of `idsite`.
_SHORT = 4


@lru_cache(maxsize=4096)
def kind_of(text: str) -> str | None:
    """Return the kind that a text tells of, None where no word of it does."""
    words = f" {_NO_WORD.sub(' ', _CAMEL.sub(' ', text[:_LONGEST]).lower()).strip()} "
    return next((kind for kind, marks in _KINDS if any(_has(words, mark) for mark in marks)), None)


def _has(words: str, mark: str) -> bool:
    return (f"{mark} " if len(mark) <= _SHORT else mark) in words
