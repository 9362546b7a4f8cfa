"""Shorter timeouts for commands that a person waits for at a terminal."""

from __future__ import annotations

from msgspec import structs

from workers.config import Settings

#: Seconds to connect to a service, and to wait for one answer.
CONNECT_S, ANSWER_S = 2.0, 4.0


def with_short_timeouts(settings: Settings) -> Settings:
    """Return settings under which ThreatQ and LogRhythm have to answer soon."""
    return structs.replace(
        settings,
        threatq_connect_timeout_s=min(CONNECT_S, settings.threatq_connect_timeout_s),
        threatq_read_timeout_s=min(ANSWER_S, settings.threatq_read_timeout_s),
        logrhythm_connect_timeout_s=min(CONNECT_S, settings.logrhythm_connect_timeout_s),
        logrhythm_read_timeout_s=min(ANSWER_S, settings.logrhythm_read_timeout_s),
    )
