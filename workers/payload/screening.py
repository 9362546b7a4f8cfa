"""What becomes of a value that a list, or its being ours, keeps from becoming an indicator."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from msgspec import Struct, structs

from workers.core.results import LeftOut
from workers.indicators.known_good.judge import INFORMS, OURS, PRIVATE, KnownGood, Verdict
from workers.indicators.known_good.model import fold_text
from workers.indicators.model import Attribute, Indicator
from workers.indicators.refang import refang
from workers.payload.attributes import as_text, native

#: What becomes of what is ours: an asset and an attribute, the attribute alone, neither.
Become = Literal["asset", "attribute", "drop"]

#: The field of a payload that asks for known-good values to be kept as indicators: true, or those values.
ALLOW = "allow_known_good"

#: The attribute of the event in which a value that was kept out stands.
_LABELS = {PRIVATE: "Private Address", OURS: "Own Asset"}

#: What a value of ours is in ThreatQ, where it is no asset.
_OBJECTS = {"Email Address": "identity"}

#: What is asked for by "true".
_ALL = "*"


class KeptOut(Struct, frozen=True):
    """A value that is no indicator: what it is called on the event, what else it becomes, and why."""

    label: str
    text: str
    left_out: LeftOut
    is_ours: bool = False
    asset: str = ""
    identity: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether the event has an attribute with it."""
        return self.left_out.kept_as != "job"


def screen(
    indicator: Indicator, known_good: KnownGood, become: Become, allowed: Collection[str] = ()
) -> Indicator | KeptOut:
    """Return the indicator, with an attribute where a list informs of it, or what it is kept as instead.

    `become` says what becomes of what is ours; `allowed` are the values that the sender wants to be kept.
    """
    verdict = known_good.judge(indicator.type, indicator.value)
    if verdict is None:
        return indicator
    is_allowed = not verdict.is_ours and (_ALL in allowed or fold_text(indicator.value) in allowed)
    if verdict.action == "inform" or is_allowed:
        return structs.replace(
            indicator, attributes=(*indicator.attributes, Attribute(INFORMS, verdict.title))
        )
    return keep_out(indicator, verdict, become)


def keep_out(indicator: Indicator, verdict: Verdict, become: Become) -> KeptOut:
    """Return what an indicator is kept as that `verdict` blocks; `become` says it of what is ours."""
    port = "".join(f" (port {item.value})" for item in indicator.attributes if item.name == "Port")
    as_what = become if verdict.is_ours else "attribute"
    kept_as = {"drop": "job", "asset": _OBJECTS.get(indicator.type, "asset")}.get(as_what, as_what)
    return KeptOut(
        label=_LABELS.get(verdict.list, "Known Good"),
        text=f"{indicator.value}{port}" if verdict.is_ours else f"{indicator.value}{port} ({verdict.list})",
        left_out=LeftOut(indicator.value, verdict.reason_for(indicator.value), kept_as),
        is_ours=verdict.is_ours,
        asset=verdict.part if kept_as == "asset" else "",
        identity=indicator.value if kept_as == "identity" else "",
    )


def read_allowed(payload: dict[str, Any], *, may_overrule: bool) -> tuple[frozenset[str], str]:
    """Return the values that a payload wants to be kept whatever lists say, and a warning where it may not."""
    asked = native(payload.get(ALLOW))
    if asked in (None, False, "", []):
        return frozenset(), ""
    if not may_overrule:
        return frozenset(), f"{ALLOW}: known_good_override does not allow it, so that the lists count"
    if asked is True or str(asked).casefold() == "true":
        return frozenset({_ALL}), ""
    values = asked if isinstance(asked, list) else [asked]
    return frozenset(fold_text(refang(as_text(value))) for value in values), ""
