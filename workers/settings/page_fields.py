"""A field of a connector's page in ThreatQ, by whichever name the page gives it: ours, the guide's label or another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from msgspec import Struct

from workers.core.errors import ConfigError

#: What does not count when names are compared: `Private IPs` is `private_ips`.
_BETWEEN_WORDS = re.compile(r"[\W_]+")

#: Texts of a box that is not checked; ThreatQ also sends an empty one.
_UNCHECKED = ("", "0", "false", "no", "off", "none", "n", "unchecked")


class Choice(Struct, frozen=True):
    """One option of a field: what stands on the page, and the text that the setting takes."""

    label: str
    value: str


class PageField(Struct, frozen=True):
    """One setting on the connector's page.

    `kind` is how the page shows it: text, textarea, checkbox, password, select with `options`. `aliases` are further
    names under which other connectors have it.
    """

    name: str
    label: str
    kind: str = "text"
    default: str = ""
    help: str = ""
    options: tuple[Choice, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that it is known by."""
        return self.name, self.label, *self.aliases

    def read(self, text: str) -> str:
        """Return what `text` on the page says: of a box whether it is checked, of an option its value."""
        if self.kind == "checkbox":
            return str(text.strip().casefold() not in _UNCHECKED).lower()
        chosen = (option.value for option in self.options if plain(option.label) == plain(text))
        return next(chosen, text)


def read_page(fields: Sequence[PageField], shown: Mapping[str, str]) -> dict[str, str]:
    """Return what `shown` (name or label -> text) says of those of `fields` that it has, by our names.

    Raises ConfigError where two fields of the page mean the same setting and differ.
    """
    by_name = _by_name(fields)
    values: dict[str, str] = {}
    labels: dict[str, str] = {}
    for label, text in shown.items():
        field = by_name.get(plain(label))
        earlier = values.get(field.name, "").strip() if field else ""
        value = field.read(text) if field else ""
        if field is None or (earlier and not value.strip()):
            continue
        if earlier and earlier != value.strip():
            raise ConfigError(
                f"the page in ThreatQ has it twice, as {labels[field.name]!r} and as {label!r}, and they differ; "
                "empty one of the two",
                field=field.name,
            )
        values[field.name], labels[field.name] = value, label
    return values


def filled_in(fields: Sequence[PageField], shown: Mapping[str, str]) -> dict[str, str]:
    """Return what `read_page` returns, without what is empty."""
    return {name: text for name, text in read_page(fields, shown).items() if text.strip()}


def unknown_names(fields: Sequence[PageField], shown: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in `shown` that are none of `fields`: what stands there has no effect."""
    by_name = _by_name(fields)
    return tuple(label for label in shown if plain(label) not in by_name)


def nearest(fields: Iterable[PageField], label: str) -> str:
    """Return the label of ours that `label` looks like, "" if none does."""
    by_name = _by_name(fields)
    close = get_close_matches(plain(label), by_name, n=1, cutoff=0.75)
    return by_name[close[0]].label if close else ""


def _by_name(fields: Iterable[PageField]) -> dict[str, PageField]:
    return {plain(name): field for field in fields for name in field.names}


def plain(name: str) -> str:
    """Return a name as names are compared: without case, blanks and signs."""
    return _BETWEEN_WORDS.sub("", name).casefold()
