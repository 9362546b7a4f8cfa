"""What the settings say about notices: the limits, how often one is repeated, and which causes are muted until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches

from msgspec import Struct

from workers.core.errors import ConfigError
from workers.notices.findings import Limits
from workers.notices.notice import CAUSES
from workers.settings.model import Settings

#: What mutes every cause.
ALL = "all"

_MUTED = "notices_muted (TQ_NOTICES_MUTED)"


class Policy(Struct, frozen=True):
    """`mutes` holds, by cause, until when nothing is told of it, in ms since 1970."""

    limits: Limits
    repeat_ms: float
    mutes: dict[str, float]
    public_url: str = ""

    def muted(self, now_ms: float) -> set[str]:
        """Return the causes of which nothing is told at `now_ms`."""
        return {cause for cause in CAUSES if max(self.mutes.get(cause, 0), self.mutes.get(ALL, 0)) > now_ms}


def policy_of(settings: Settings) -> Policy:
    """Return what the settings say; raises ConfigError for a cause that there is not and for what is no time."""
    return Policy(
        Limits(
            away_ms=settings.notices_away_min * 60_000,
            sync_ms=settings.sync_interval_s * 1000,
            expiry_ms=settings.notices_expiry_days * 86_400_000,
            memory_percent=settings.memory_percent,
        ),
        settings.notices_repeat_h * 3_600_000,
        dict(_mutes(settings.notices_muted)),
        settings.public_url,
    )


def _mutes(text: str) -> Iterator[tuple[str, float]]:
    for entry in filter(None, map(str.strip, text.split(","))):
        cause, _, until = entry.partition(":")
        if cause not in (ALL, *CAUSES):
            guess = get_close_matches(cause, CAUSES, n=1)
            hint = f"did you mean {guess[0]}?" if guess else f"there are {', '.join((ALL, *CAUSES))}"
            raise ConfigError(f"{cause!r} is no cause of notices; {hint}", field=_MUTED)
        yield cause, _moment_ms(until) if until else float("inf")


def _moment_ms(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no time; write 2027-03-01, or 2027-03-01T08:00 (UTC)", field=_MUTED
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
