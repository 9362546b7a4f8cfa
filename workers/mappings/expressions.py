"""JMESPath expressions as mappings have them: checked when they are read, and bounded in time when they are used."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.parser import Parser
from msgspec import Struct

from workers.core.errors import ConfigError, InputError
from workers.mappings.compiled import NAMED, Compiled, compiled, is_false
from workers.mappings.time_limit import look_at_clock

#: Seconds of processor time that all expressions of a mapping may take over one document.
BUDGET_S = 0.5

#: Items of lists and characters of texts that they may make of it: each name may double what others gave.
MOST_MADE = 20_000_000

#: Lists and functions that are worked on between two looks at the clock; items or characters of which each needs one.
_LOOK_EVERY, _LARGE = 16, 10_000

#: What holds other values.
_HOLDS = (list, dict)

#: Lists and objects that may be put into others unmeasured: it takes many more to make a document a thousand times as
#: long, when each holds the one before it twice.
_FEW_NESTED = 8

#: A text, a quoted key, a literal, or a name that `let` gave. What is not closed goes to the end, where the parser
#: refuses it: were each quotation mark tried as a beginning, the time would grow with the square of the length.
_PART = re.compile(
    r"""'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|`(?:[^`\\]|\\.)*+(?:`|\\?\Z)"""
    r"""|\$([A-Za-z_]\w*)""",
    re.ASCII | re.DOTALL,
)

#: The document itself, which every expression may name.
DOCUMENT = "document"


class MappingFault(ConfigError):
    """A mapping file cannot be used; correct the line that is named."""


class TakesTooLong(InputError):
    """The expressions of `mapping` take too long, or too much memory, over one document."""

    def __init__(self, message: str, *, mapping: str = "") -> None:
        self.mapping = mapping
        super().__init__(message)


class _TookTooLong(Exception):
    """The time or the memory is used up; it is not known yet in which expression."""


class NoValue(InputError):
    """An expression cannot be worked out for one document."""


class Expression(Struct, frozen=True):
    """An expression, its text, where it stands (`file:line`), and what works it out."""

    text: str
    place: str
    node: dict[str, Any]
    run: Compiled


def parse(text: str, place: str, functions: Functions, names: Collection[str] = ()) -> Expression:
    """Read an expression that may call `functions` and use the `names` that `let` gave; raises MappingFault."""
    try:
        node = Parser().parse(_PART.sub(_as_function, text)).parsed
    except (JMESPathError, RecursionError) as error:
        raise MappingFault(f"{place}: `{text}` is no JMESPath: {_reason(error)}") from error
    for fault in _faults(node, functions.FUNCTION_TABLE, {DOCUMENT, *names}):
        raise MappingFault(f"{place}: `{text}`: {fault}")
    return Expression(text, place, node, compiled(node))


class Evaluation:
    """Works out the expressions of one mapping over one document, within BUDGET_S.

    What `let` gives is worked out when an expression first asks for it; `faults` say what of it could not be. Not to be
    shared by threads.
    """

    def __init__(
        self,
        document: dict[str, Any],
        functions: Functions | None,
        let: Iterable[tuple[str, Expression]] = (),
    ) -> None:
        self.functions = functions
        self.faults: list[str] = []
        self._document = document
        self._let = dict(let)
        self._names: dict[str, Any] = {DOCUMENT: document}
        self._ends_s: float | None = None
        self._steps = 0
        self._made = 0
        self._nested = 0

    def value(self, expression: Expression) -> Any:
        """Return what `expression` gives; raises NoValue where it has none, and TakesTooLong."""
        try:
            return expression.run(self._document, self)
        except _TookTooLong as error:
            raise TakesTooLong(f"{expression.place}: `{expression.text}`: {error}") from error
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            reason = _reason(error)
        raise NoValue(f"{expression.place}: `{expression.text}`: {reason}")

    def named(self, name: str) -> Any:
        """Return what `$name` stands for; null where that cannot be worked out. Raises TakesTooLong."""
        if name not in self._names:
            self._names[name] = None
            try:
                self._names[name] = self.value(self._let[name])
            except NoValue as error:
                self.faults.append(str(error))
        return self._names[name]

    def holds(self, expression: Expression) -> bool:
        """Tell whether `expression` is true, as JMESPath sees it; what cannot be worked out is not."""
        try:
            return not is_false(self.value(expression))
        except NoValue:
            return False

    def step(self) -> None:
        """Count a piece of work; ends it once the time is over, or others have waited long enough for this thread."""
        self._steps += 1
        if self._steps % _LOOK_EVERY == 0:
            self._look()

    def made(self, size: int) -> None:
        """Count the items or characters of a value that is made; ends it where they would fill the memory."""
        self._made += size
        if self._made > MOST_MADE:
            raise _TookTooLong(f"its expressions make more than {MOST_MADE:,} items and characters of it")
        if size > _LARGE:
            self._look()

    def nests(self, built: Any, parts: Iterable[Any]) -> None:
        """Count what a list or an object holds that an expression made of `parts`, if it may hold others many times."""
        for part in parts:
            if part and isinstance(part, _HOLDS):
                self._nested += 1
        if self._nested > _FEW_NESTED:
            self.made(_weight(built, {}))

    def _look(self) -> None:
        now_s = look_at_clock()
        if self._ends_s is None:
            # Most documents are done before the first look: the clock is a call of the system.
            self._ends_s = now_s + BUDGET_S
        if now_s > self._ends_s:
            raise _TookTooLong(f"its expressions take more than {BUDGET_S:g} s over this document")


def _weight(value: Any, known: dict[int, int]) -> int:
    """Return the items and characters of a value written out; what stands there several times is looked at once."""
    if isinstance(value, str):
        return len(value)
    if not isinstance(value, _HOLDS):
        return 1
    if (weight := known.get(id(value))) is None:
        items = value.values() if isinstance(value, dict) else value
        weight = known[id(value)] = 1 + sum(_weight(item, known) for item in items)
    return weight


def _as_function(match: re.Match[str]) -> str:
    return f"{NAMED}('{match[1]}')" if match[1] else match[0]


def _reason(error: Exception) -> str:
    """Return the first line of the library's message, which draws the rest."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return next(iter(str(error).splitlines()), type(error).__name__).removesuffix(":")


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield a node of a parsed expression and all below it."""
    if isinstance(node, dict):
        yield node
        for child in node.get("children", ()):
            yield from walk(child)


def _faults(node: dict[str, Any], table: dict[str, Any], names: Collection[str]) -> Iterator[str]:
    """Yield what of the functions and names in an expression there is not."""
    for part in walk(node):
        if part["type"] != "function_expression":
            continue
        name, arguments = part["value"], part["children"]
        if name == NAMED:
            if (given := arguments[0].get("value") if arguments else "") not in names:
                yield f"no `let` above gives ${given}"
        elif (function := table.get(name)) is None:
            yield f"there is no function {name}()"
        elif wrong := _wrong_count(len(arguments), function["signature"]):
            yield f"{name}() takes {wrong}, not {len(arguments)}"


def _wrong_count(count: int, signature: Any) -> str:
    """Return how many arguments a function takes where `count` are not right, else ""."""
    least = len(signature)
    if signature and signature[-1].get("variadic"):
        return f"{least} arguments or more" if count < least else ""
    return f"{least} argument{'s' * (least != 1)}" if count != least else ""
