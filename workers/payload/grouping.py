"""Which firings are one event, and how many a source may send: rules from the settings, applied to one firing. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from msgspec import Struct, structs

from workers.core.errors import ConfigError
from workers.core.hashing import sha256_hex
from workers.indicators.model import Attribute, Indicator
from workers.payload.attributes import as_text
from workers.payload.plan import EventPlan
from workers.settings.model import Settings

T = TypeVar("T")

#: Stands for every source that no rule names; and, as a rule, for what the mapping of a payload says in `group_by`.
ANY, AS_MAPPED = "*", "mapping"

#: Characters of what a group is called, and of a value that a group keeps: a longer one is only counted.
MOST_LABEL, MOST_VALUE = 200, 256

#: Most firings that a rule may let through in a window: the ledger remembers the id of each of them.
MOST_FIRINGS = 100_000

#: Event attributes that tell of the firings of a group.
FIRINGS, FIRST_SEEN, LAST_SEEN, GROUPED_BY = "Firings", "First Seen", "Last Seen", "Grouped By"

#: Fields that a plan has in any case, also where a mapping gave them.
_PLANNED = {"event_source": "source", "event_name": "title", "event_type": "type"}

#: The field of attributes, in which a name is looked for among those that were read.
_ATTRIBUTES = "event_attributes."


class RateLimit(Struct, frozen=True):
    """How many `firings` of a source become events of their own in each window of so many seconds."""

    firings: int
    window_s: int

    @property
    def said(self) -> str:
        """The same in words."""
        return f"{self.firings:,} in {self.window_s:,} s"


class GroupKey(Struct, frozen=True):
    """Names a group: a digest of what its firings share, and the same in words."""

    digest: str
    label: str


class Grouping(Struct, frozen=True):
    """The rules, by source in small letters; false where there is none."""

    fields: Mapping[str, tuple[str, ...]] = {}
    limits: Mapping[str, RateLimit] = {}

    def __bool__(self) -> bool:
        return bool(self.fields or self.limits)

    def concerns(self, source: str) -> bool:
        """Whether a rule is for a source."""
        return bool(_of_source(self.fields, source) or _of_source(self.limits, source))

    def group_of(self, payload: Mapping[str, Any], plan: EventPlan) -> GroupKey | None:
        """Return the group of a firing, None where its source is not grouped."""
        fields = _of_source(self.fields, plan.source) or ()
        if fields == (AS_MAPPED,):
            shared = [("", text) for text in plan.group_by]
        else:
            shared = [(field, _value(field, payload, plan)) for field in fields]
        if not shared:
            return None
        label = ", ".join([plan.source, *(f"{field} {value}".strip() for field, value in shared)])
        return GroupKey(_digest("group", plan.source.casefold(), shared), label[:MOST_LABEL])

    def limit_of(self, plan: EventPlan) -> RateLimit | None:
        """Return how many firings of the source of `plan` are let through, None for all."""
        return _of_source(self.limits, plan.source)


def limit_key(source: str) -> GroupKey:
    """Return the group of the firings of a source that were limited."""
    return GroupKey(_digest("limit", source.casefold(), ()), f"{source}, limited"[:MOST_LABEL])


def limited_plan(plan: EventPlan, limit: RateLimit) -> EventPlan:
    """Return the event that stands for the firings of a source above its limit; `plan` is the first of them."""
    return EventPlan(
        title=f"Source {plan.source} was limited",
        type=plan.type,
        happened_at=plan.happened_at,
        source=plan.source,
        description=(
            f"More than {limit.said} came from {plan.source}. Those above that are counted here and became no events "
            "of their own; each of their jobs keeps what was sent and names this event."
        ),
        attributes=(Attribute("Limit", limit.said),),
        left_out=plan.left_out,
        warnings=plan.warnings,
    )


def counted_plan(plan: EventPlan, label: str) -> EventPlan:
    """Return the plan of the event that a group gets with its first firing."""
    own = (
        Attribute(FIRINGS, "1"),
        Attribute(FIRST_SEEN, plan.happened_at),
        Attribute(LAST_SEEN, plan.happened_at),
        Attribute(GROUPED_BY, label),
    )
    return structs.replace(plan, attributes=(*plan.attributes, *own))


def values_of(plan: EventPlan) -> list[str]:
    """Return what a firing adds to the values of its group, each as a text that `read_values` takes apart."""
    values = [["indicator", i.type, i.value, role] for i in plan.indicators for role in _roles(i)]
    values += [["asset", name] for name in plan.assets]
    values += [["identity", name] for name in plan.identities]
    values += [["malware", name] for name in plan.malware]
    return list(dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in values))


def plan_of_values(values: Sequence[str], source: str) -> EventPlan:
    """Return a plan that names the values of a group and nothing else."""
    parts: dict[str, list[list[str]]] = {}
    for text in values:
        kind, *rest = json.loads(text)
        parts.setdefault(kind, []).append(rest)
    return EventPlan(
        title="",
        type="",
        happened_at="",
        source=source,
        indicators=tuple(
            Indicator(type_, value, (Attribute("Role", role),) if role else ())
            for type_, value, role in parts.get("indicator", ())
        ),
        assets=tuple(name for (name,) in parts.get("asset", ())),
        identities=tuple(name for (name,) in parts.get("identity", ())),
        malware=tuple(name for (name,) in parts.get("malware", ())),
    )


def value_in_words(text: str) -> str:
    """Return a value of a group as people read it."""
    kind, *rest = json.loads(text)
    if kind != "indicator":
        return f"{kind} {rest[0]}"
    type_, value, role = rest
    return f"{type_} {value}" + (f" ({role})" if role else "")


def _roles(indicator: Indicator) -> Iterator[str]:
    roles = [attribute.value for attribute in indicator.attributes if attribute.name == "Role"]
    yield from roles or [""]


def _value(field: str, payload: Mapping[str, Any], plan: EventPlan) -> str:
    """Return what a firing says in `field`: the name of a field, with dots a path, or `event_attributes.NAME`."""
    if field in _PLANNED:
        return str(getattr(plan, _PLANNED[field]))
    if field.startswith(_ATTRIBUTES):
        name = field.removeprefix(_ATTRIBUTES).casefold()
        return ", ".join(a.value for a in plan.attributes if a.name.casefold() == name)
    value: Any = payload
    for part in field.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None and field in _MAPPED:
        # Of a document that is no payload of the dialect, what its mapping made of it.
        return ", ".join(_MAPPED[field](plan))
    return as_text(value).strip()


def _side(role: str) -> Callable[[EventPlan], Iterable[str]]:
    return lambda plan: (i.value for i in plan.indicators if role in _roles(i))


#: Fields of the dialect that a payload may lack, as its plan has them.
_MAPPED: dict[str, Callable[[EventPlan], Iterable[str]]] = {
    "uri_source": _side("Source"),
    "uri_target": _side("Target"),
    "identity": lambda plan: plan.identities,
    "malware": lambda plan: plan.malware,
    "severity": lambda plan: (plan.severity,),
}


def _of_source(rules: Mapping[str, T], source: str) -> T | None:
    return rules.get(source.casefold()) or rules.get(ANY)


def _digest(what: str, source: str, shared: Sequence[tuple[str, str]]) -> str:
    return sha256_hex(json.dumps([what, source, shared]).encode())[:24]


def grouping_of(settings: Settings) -> Grouping:
    """Return the rules that the settings hold; raises ConfigError for one that cannot be read."""
    return _read(settings.group_by, settings.rate_limits)


@lru_cache(maxsize=8)
def _read(group_by: str, rate_limits: str) -> Grouping:
    fields = {source: _fields(text) for source, text in _rules("group_by", group_by)}
    limits = {source: _limit(text) for source, text in _rules("rate_limits", rate_limits)}
    return Grouping(fields, limits)


def _rules(setting: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield source and rule of each part of a setting: `source=rule`, by semicolons or lines."""
    for part in filter(None, map(str.strip, text.replace("\n", ";").split(";"))):
        source, separator, rule = part.rpartition("=")
        if not (separator and source.strip() and rule.strip()):
            wanted = "event_name, uri_source" if setting == "group_by" else "1000/3600"
            raise ConfigError(f"{part[:80]!r} is no rule; write Suricata={wanted}", field=setting)
        yield source.strip().casefold(), rule.strip()


def _fields(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _limit(text: str) -> RateLimit:
    firings, _, window_s = text.partition("/")
    if not (_is_number(firings) and _is_number(window_s)):
        raise ConfigError(
            f"{text[:80]!r} is no limit; write firings/seconds, such as 1000/3600", field="rate_limits"
        )
    limit = RateLimit(int(firings), int(window_s))
    if not (0 < limit.firings <= MOST_FIRINGS and 0 < limit.window_s <= 86_400):
        raise ConfigError(
            f"{text!r} is out of bounds; 1 to {MOST_FIRINGS:,} firings in 1 to 86,400 seconds",
            field="rate_limits",
        )
    return limit


def _is_number(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 9
