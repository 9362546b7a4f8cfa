"""What events relate to, made for a whole batch at once: each indicator, identity, malware and asset once.

An object's sources are those of the plans that name it, so that ThreatQ shows where it was seen. What
ThreatQ does not take becomes an attribute of the event, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from workers.core.http_session import side_by_side
from workers.indicators.model import Attribute, Indicator
from workers.payload.plan import EventPlan
from workers.threatq.client import Json
from workers.threatq.errors import ServiceRefusal
from workers.threatq.event_draft import Draft, withholding
from workers.threatq.objects import Made, attribute_items, ensure
from workers.threatq.service import ThreatQ

Names = Callable[[EventPlan], tuple[str, ...]]


def relate_all(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Make what the events of `drafts` relate to, in one bulk call for each kind that is named, and note it there.

    None depends on another, so ThreatQ works on all of them at a time.
    """
    side_by_side(
        partial(_relate_indicators, threatq, drafts),
        partial(_relate_kind, threatq, drafts, "Identity", "identity", lambda plan: plan.identities),
        partial(_relate_kind, threatq, drafts, "Malware", "malware", lambda plan: plan.malware),
        partial(_relate_assets, threatq, drafts),
    )


def _relate_indicators(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Make the indicators of all plans.

    An existing indicator keeps its status if ThreatQ protects it, as it does the five it comes with (§3.3).
    """
    wanted: dict[tuple[str, str], list[tuple[Draft, Indicator]]] = {}
    for draft in (draft for draft in drafts if draft.refused is None):
        for indicator in draft.plan.indicators:
            if threatq.lookups.indicator_type(indicator.type) is None:
                draft.keep_as_attribute(indicator.type, indicator.value, "ThreatQ has no such indicator type")
            else:
                wanted.setdefault((indicator.type, indicator.value), []).append((draft, indicator))
    if not wanted:
        return
    items = [_indicator_item(_status(threatq, uses), uses) for uses in wanted.values()]
    with withholding(draft for uses in wanted.values() for draft, _ in uses):
        results = ensure(threatq.caller, "indicators", items, blame_item=_blame_item(drafts))
        for (type_, value), uses, result in zip(wanted, wanted.values(), results, strict=True):
            _note([draft for draft, _ in uses], type_, value, result)


def _relate_assets(threatq: ThreatQ, drafts: Sequence[Draft]) -> None:
    """Make the assets of all plans, under the name that this ThreatQ has for them."""
    if with_assets := [draft for draft in drafts if draft.plan.assets and draft.refused is None]:
        with withholding(with_assets):
            kind = threatq.lookups.asset_collection()
            _relate_kind(threatq, with_assets, "Asset", kind, lambda plan: plan.assets)


def _relate_kind(
    threatq: ThreatQ, drafts: Sequence[Draft], label: str, collection: str, names: Names
) -> None:
    wanted: dict[str, list[Draft]] = {}
    for draft in (draft for draft in drafts if draft.refused is None):
        for name in names(draft.plan):
            wanted.setdefault(name, []).append(draft)
    if not wanted:
        return
    items = [{"value": name, "sources": _sources(uses)} for name, uses in wanted.items()]
    with withholding(draft for uses in wanted.values() for draft in uses):
        results = ensure(threatq.caller, collection, items, blame_item=_blame_item(drafts))
        for name, uses, result in zip(wanted, wanted.values(), results, strict=True):
            _note(uses, label, name, result)


def _blame_item(drafts: Sequence[Draft]) -> bool:
    """Tell whether it is known by now that ThreatQ fails on what these events name, and is well itself."""
    return all(draft.request.blame_item for draft in drafts)


def _note(drafts: Iterable[Draft], name: str, value: str, result: Made | ServiceRefusal) -> None:
    for draft in drafts:
        if isinstance(result, ServiceRefusal):
            draft.keep_as_attribute(name, value, str(result))
        else:
            draft.related.append(result)


def _status(threatq: ThreatQ, uses: Sequence[tuple[Draft, Indicator]]) -> str:
    """Return the status of a new indicator, by what named it first; raises ConfigError if ThreatQ does not know it."""
    if uses[0][0].plan.is_alarm:
        threatq.lookups.status(threatq.logrhythm_status, "logrhythm_status")
        return threatq.logrhythm_status
    threatq.lookups.status(threatq.status)
    return threatq.status


def _indicator_item(status: str, uses: Sequence[tuple[Draft, Indicator]]) -> Json:
    first = uses[0][1]
    return {
        "value": first.value,
        "type": {"name": first.type},
        "status": {"name": status},
        "sources": _sources(draft for draft, _ in uses),
        "attributes": _attributes(uses),
    }


def _attributes(uses: Sequence[tuple[Draft, Indicator]]) -> list[Json]:
    """Return the attributes that the plans give one indicator, each with the source that says so."""
    items: dict[tuple[Attribute, str], Json] = {}
    for draft, indicator in uses:
        for attribute in indicator.attributes:
            item = attribute_items([attribute], draft.plan.source)[0]
            items.setdefault((attribute, draft.plan.source), item)
    return list(items.values())


def _sources(drafts: Iterable[Draft]) -> list[Json]:
    return [{"name": name} for name in dict.fromkeys(draft.plan.source for draft in drafts)]
