"""A draft of a mapping from samples: what each field may be, by its name and form, for a person to finish."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from workers.core.text import counted
from workers.core.times import read_time
from workers.mappings.explaining import leaves, written_key
from workers.mappings.field_names import fold
from workers.mappings.finder import find
from workers.mappings.values import is_empty, text_of
from workers.mappings.vocabulary import words

#: Top-level fields that a draft's `match` names, attributes and candidates that it lists.
_MOST_IN_MATCH, _MOST_ATTRIBUTES, _MOST_CANDIDATES = 4, 30, 5

#: Characters of an example, and of a text that may stand in a `match`.
_EXAMPLE_CHARS, _CONSTANT_CHARS = 60, 40

#: The fields of an event that have usual names, and the list of these.
_USUAL = {
    "event_name": "titles",
    "event_type": "types",
    "event_happened_at": "times",
    "severity": "severities",
    "identity": "people",
}


#: Names of fields that tell a document from others of its form, and not its form.
_CHANGING = {*words("titles"), *words("times"), *words("people")}


class Learned:
    """What samples have in common: each path, how often it is there, and an example."""

    def __init__(self, samples: Sequence[dict[str, Any]]) -> None:
        self.samples = samples
        self.count: Counter[str] = Counter()
        self.examples: dict[str, Any] = {}
        for sample in samples:
            values = dict(leaves(sample))
            self.count.update(values.keys())
            for path, value in values.items():
                self.examples.setdefault(path, value)

    def match(self) -> str:
        """Return a condition that holds for all samples: constant texts first, then fields that are always there."""
        always = set.intersection(*map(set, self.samples))
        ordered = [name for name in self.samples[0] if name in always and fold(name) not in _CHANGING]
        constant = [name for name in ordered if self._is_constant(name)]
        chosen = [f"{written_key(name)} == '{self.samples[0][name]}'" for name in constant[:_MOST_IN_MATCH]]
        chosen += [written_key(name) for name in ordered if name not in constant]
        return " && ".join(chosen[:_MOST_IN_MATCH]) or "`false`"

    def _is_constant(self, name: str) -> bool:
        values = [sample[name] for sample in self.samples]
        text = values[0]
        is_short = isinstance(text, str) and 0 < len(text) <= _CONSTANT_CHARS and text.isalnum()
        return is_short and len(self.samples) > 1 and all(value == text for value in values)

    def candidates(self, names: Iterable[str]) -> list[str]:
        """Return the paths whose last name is one of `names`, in their order, those nearest to the top first."""
        by_name: dict[str, list[str]] = {}
        for path in sorted(self.examples, key=lambda path: (path.count("."), path)):
            by_name.setdefault(_last(path), []).append(path)
        return [path for name in names for path in by_name.get(name, ())][:_MOST_CANDIDATES]

    def times(self) -> list[str]:
        """Return the paths whose names say a time and whose examples are one."""
        return [path for path in self.candidates(words("times")) if _is_time(self.examples[path])]

    def attributes(self, taken: Iterable[str]) -> list[str]:
        """Return further paths with short values, those that are there most often first."""
        known = set(taken)
        rest = (path for path, _ in self.count.most_common() if path not in known and "[]" not in path)
        return [path for path in rest if len(text_of(self.examples[path]) or "") <= _CONSTANT_CHARS][
            :_MOST_ATTRIBUTES
        ]


def draft(samples: Sequence[dict[str, Any]], name: str) -> str:
    """Return the text of a mapping for documents like `samples`; what needs a person's eye is a comment."""
    learned = Learned(samples)
    lines = [
        f"# A draft from {counted(len(samples), 'sample')}: read each line, and try it with `tqctl mapping test`.",
        f"name: {name}", "version: 1", f"title: {name}", f"match: {_quoted(learned.match())}", "fields:",
    ]  # fmt: skip
    taken: list[str] = []
    for field, usual in _USUAL.items():
        paths = learned.times() if field == "event_happened_at" else learned.candidates(words(usual))
        lines += _rule(field, paths, learned)
        taken += paths[:1]
    lines += ["  # What is another's by field names and forms; write the paths where that finds too much."]
    lines += _side("sources", samples) + _side("targets", samples)
    lines += ["  attributes:"] if (attributes := learned.attributes(taken)) else []
    lines += [f"    {_title(path)}: {_quoted(path)}{_example(learned, path)}" for path in attributes]
    return "\n".join(lines) + "\n"


def _rule(field: str, paths: list[str], learned: Learned) -> list[str]:
    if not paths:
        needed = {"event_name": f"'Event of {_origin(learned)}'", "event_type": "'Alert'"}
        return (
            [f"  {field}: {_quoted(needed[field])}  # no field has a usual name"] if field in needed else []
        )
    others = [f"  #   or {path}{_example(learned, path)}" for path in paths[1:]]
    return [f"  {field}: {_quoted(paths[0])}{_example(learned, paths[0])}", *others]


def _origin(learned: Learned) -> str:
    return next(
        (str(value) for value in learned.examples.values() if isinstance(value, str)), "this kind"
    ).replace("'", "")[:40]


def _side(side: str, samples: Sequence[dict[str, Any]]) -> list[str]:
    values = [item["value"] for sample in samples for item in getattr(find(sample), side)]
    example = (
        f"  # {', '.join(dict.fromkeys(map(str, values)))[:_EXAMPLE_CHARS]}"
        if values
        else "  # nothing in the samples"
    )
    return [f"  {side}: [{side}(@)]{example}"]


def _example(learned: Learned, path: str) -> str:
    text = " ".join((text_of(learned.examples[path]) or "").split())[:_EXAMPLE_CHARS]
    return f"  # {text}" if text.isprintable() and not is_empty(text) else ""


def _last(path: str) -> str:
    return fold(path.rpartition(".")[2].removesuffix("[]").strip('"'))


def _title(path: str) -> str:
    """Return an attribute's name of a path, quoted for YAML."""
    return _quoted(" ".join(part.strip('"') for part in path.split("."))[:100])


def _quoted(text: str) -> str:
    """Write a text as YAML in double quotation marks; a character that YAML does not take, U+007F too, is escaped."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in written)


def _is_time(value: Any) -> bool:
    try:
        return 1990 <= read_time(value).year <= 2100
    except ValueError:
        return False
