"""What the settings of a worker lack, told to whoever shows how the services are."""

from __future__ import annotations

from redis import Redis

from workers.config import Settings, not_set, threatq_needs
from workers.ledger.setup import tell

#: What a sync cannot do without.
NEEDED = ("logrhythm_url", "logrhythm_token", "sync_collections")


def tell_setup(redis: Redis, settings: Settings) -> None:
    """Tell what is known without asking anybody; what ThreatQ's page says of LogRhythm is told by the next run."""
    tell(redis, "threatq", not_set(settings, threatq_needs(settings)))
    if settings.settings_from == "local":
        tell(redis, "logrhythm", not_set(settings, NEEDED))
