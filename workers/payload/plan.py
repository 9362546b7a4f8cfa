"""What is to be made in ThreatQ, as values: the result of thinking, and all that acting needs."""

from __future__ import annotations

from msgspec import Struct

from workers.core.results import LeftOut
from workers.indicators.model import Attribute, Indicator


class EventPlan(Struct, frozen=True):
    """One event and everything related to it, decided and ready to be carried out.

    `happened_at` is UTC as ThreatQ takes it, `YYYY-MM-DD HH:MM:SS`. `overflow` is the part of the
    description that ThreatQ has no room for. `warnings` stay with the job and are shown. `group_by` is what its mapping
    says that firings of one group share, `severity` the attribute of that name. `is_alarm`: LogRhythm
    raised it.
    """

    title: str
    type: str
    happened_at: str
    source: str
    description: str = ""
    overflow: str = ""
    attributes: tuple[Attribute, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    assets: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    malware: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    group_by: tuple[str, ...] = ()
    severity: str = ""
    is_alarm: bool = False
