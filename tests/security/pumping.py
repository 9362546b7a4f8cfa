"""Texts on which a regular expression backtracks most, made from its own tree.

Why own code: regexploit, last released in 2021, imports modules that are deprecated since Python 3.11 and does not
know possessive quantifiers; redoctor may not be used in a business without a paid licence and reads atomic groups
as ordinary ones. Both would report patterns that were mended with them.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.security.growth import TRIES, grows_too_fast, seconds

#: Parts of a tree: an operation and its operand.
Part = tuple[Any, Any]

#: Repetitions of fewer than this have too few ways to match.
MANY = 8

#: More kinds of characters than this are tried alone, not in pairs.
PAIRED = 12

#: Lengths at which an exponential pattern is found out before it stops the test, then a polynomial one.
SHORT_LENGTHS = tuple(range(8, 33, 4))

LENGTHS = (*SHORT_LENGTHS, 64, 128, 256, 512, 1_024, 2_048)

#: Seconds above which a text is looked at more closely, which costs time but reports nothing by itself.
SUSPECT_S = 0.001

#: Doublings of the suspect text, of which the square takes a thousand times as long and a linear pattern 32 times.
DOUBLINGS = 5

#: What a character is taken from: printable ones first, so that a finding is legible.
CHARACTERS = sorted(
    [*map(chr, range(0x180)), *"\u200b\u2013\u2028\ud800\uff0e"], key=lambda char: not " " < char < "\x7f"
)

_CATEGORIES = {"DIGIT": r"\d", "NOT_DIGIT": r"\D", "SPACE": r"\s", "NOT_SPACE": r"\S", "WORD": r"\w"}

_ATOMS = {"LITERAL", "NOT_LITERAL", "ANY", "IN"}

_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}


def tree_of(pattern: re.Pattern[Any]) -> list[Part]:
    """Return the parsed pattern; the public name of the parser, sre_parse, warns since 3.11."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    flags = pattern.flags if isinstance(pattern.pattern, str) else pattern.flags | re.ASCII
    return list(importlib.import_module("re._parser").parse(source, flags))


def branches(name: str, operand: Any) -> list[Iterable[Part]]:
    """Return the sequences that a part holds."""
    if name == "BRANCH":
        return list(operand[1])
    if name == "GROUPREF_EXISTS":
        return [branch for branch in operand[1:] if branch]
    if name == "ATOMIC_GROUP":
        return [operand]
    return [operand[-1]] if name in _REPEATS | {"SUBPATTERN", "ASSERT", "ASSERT_NOT"} else []


def atoms(tree: Iterable[Part]) -> Iterator[Part]:
    """Yield every part that takes one character."""
    for operation, operand in tree:
        if str(operation) in _ATOMS:
            yield operation, operand
        for branch in branches(str(operation), operand):
            yield from atoms(branch)


def accepts(atom: Part, char: str, *, flags: int = 0) -> bool:
    """Say whether an atom takes a character."""
    name, operand = str(atom[0]), atom[1]
    if name == "ANY":
        return char != "\n" or bool(flags & re.DOTALL)
    if name == "NOT_LITERAL":
        return not accepts(("LITERAL", operand), char, flags=flags)
    if name == "IN" and str(operand[0][0]) == "NEGATE":
        return not accepts(("IN", operand[1:]), char, flags=flags)
    if name == "IN":
        return any(accepts(item, char, flags=flags) for item in operand)
    if name == "CATEGORY":
        return bool(re.match(_CATEGORIES.get(str(operand)[9:], r"\W"), char, flags & re.ASCII))
    first, last = operand if name == "RANGE" else (operand, operand)
    cases = {char, char.lower(), char.upper()} if flags & re.IGNORECASE else {char}
    return any(len(case) == 1 and first <= ord(case) <= last for case in cases)


class Pumps:
    """The prefixes, repeated parts and ends that a pattern's tree suggests."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self._flags = pattern.flags
        self._bytes = isinstance(pattern.pattern, bytes)
        tree = tree_of(pattern)
        self._chars = self._kinds([*atoms(tree), ("IN", [("CATEGORY", "CATEGORY_WORD")])])
        self._places = list(self._repeats(tree, ""))

    def _kinds(self, parts: list[Part]) -> list[str]:
        """Return a character for each set of atoms that take the same ones; first what the fewest take."""
        kinds: dict[tuple[bool, ...], str] = {}
        for char in CHARACTERS:
            if not self._bytes or ord(char) < 256:
                kinds.setdefault(tuple(accepts(part, char, flags=self._flags) for part in parts), char)
        return [kinds[kind] for kind in sorted(kinds, key=sum)]

    def _sample(self, tree: Iterable[Part]) -> str:
        """Return a short text that a sequence matches, with what has to stand before it."""
        return "".join(self._sample_of(str(operation), operand) for operation, operand in tree)

    def _sample_of(self, name: str, operand: Any) -> str:
        if name == "LITERAL":
            return chr(operand)
        if name in _ATOMS:
            return next(
                (char for char in self._chars if accepts((name, operand), char, flags=self._flags)), ""
            )
        if name in _REPEATS:
            return self._sample(operand[2]) * min(operand[0], 40)
        if name == "ASSERT_NOT" or (name == "ASSERT" and operand[0] > 0):
            return ""
        return next((self._sample(branch) for branch in branches(name, operand)), "")

    def _repeats(self, tree: Iterable[Part], before: str) -> Iterator[tuple[str, list[Part]]]:
        """Yield each repeated part with a text that leads to it."""
        for operation, operand in tree:
            name = str(operation)
            if name in _REPEATS and operand[1] >= MANY:
                yield before, list(operand[2])
            for branch in branches(name, operand):
                yield from self._repeats(branch, before)
            before += self._sample_of(name, operand)

    def _repeated(self) -> set[str]:
        """Return what is worth repeating: a character or two of a repeated part, such a part, what leads to it."""
        bodies = [atom for _, body in self._places for atom in atoms(body)]
        inside = [c for c in self._chars if any(accepts(part, c, flags=self._flags) for part in bodies)]
        pairs = map("".join, itertools.permutations(inside, 2)) if len(inside) <= PAIRED else ()
        led = {text for before, body in self._places for text in (before, before + self._sample(body))}
        return {*inside, *pairs, *led, *(self._sample(body) for _, body in self._places)} - {""}

    def texts(self) -> Iterator[Callable[[int], Any]]:
        """Yield functions that make a text of a length."""
        starts = {"", *(before for before, _ in self._places)}
        ends = {"", self._chars[0], "\n"}
        for start, repeated, end in itertools.product(sorted(starts), sorted(self._repeated()), sorted(ends)):
            yield lambda n, s=start, r=repeated, e=end: self._as_given(s + r * (n // len(r) + 1) + e)

    def _as_given(self, text: str) -> str | bytes:
        return text.encode("latin-1") if self._bytes else text


def super_linear(pattern: re.Pattern[Any], method: str) -> str:
    """Return on which text a pattern takes more than linear time, and how much; "" if on none of those tried."""

    def read(text: Any) -> object:
        return pattern.sub(text[:0], text) if method == "sub" else getattr(pattern, method)(text)

    for make in Pumps(pattern).texts():
        if wrong := _grows(read, make):
            return f"on {make(24)!r}: {wrong}"
    return ""


def _grows(read: Callable[[Any], object], make: Callable[[int], Any]) -> str:
    """Return how the time grows on one kind of text."""
    for length in LENGTHS:
        text = make(length)
        if seconds(read, text) <= SUSPECT_S:
            continue
        if length not in SHORT_LENGTHS:
            return grows_too_fast(read, make, short=length, long=length << DOUBLINGS)
        if min(seconds(read, text) for _ in range(TRIES)) > SUSPECT_S:
            return f"{length} characters took more than {SUSPECT_S} s"
    return ""
