"""What the settings of a worker lack, told to whoever shows how the services are."""

from __future__ import annotations

from redis import Redis

from workers.config import Settings, missing, not_set, require, threatq_needs
from workers.errors import ConfigError
from workers.ledger.setup import tell
from workers.pages import LOGRHYTHM
from workers.settings_source import env_name

#: What a sync cannot do without.
NEEDED = ("logrhythm_url", "logrhythm_token", "sync_collections")


#: How LogRhythm's page in ThreatQ calls that.
LABELS = {{"logrhythm_host": "logrhythm_url"}.get(field.name, field.name): field.label for field in LOGRHYTHM}


def require_sync(settings: Settings) -> None:
    """Raise ConfigError that names what a sync lacks, and the page in ThreatQ where that page counts."""
    if settings.settings_from == "local":
        require(settings, *NEEDED)
    if absent := missing(settings, NEEDED):
        raise ConfigError(
            f"the page {settings.logrhythm_connector_name} in ThreatQ is not filled in: "
            + ", ".join(f"{LABELS[name]!r}" for name in absent)
            + f"; do that there, or set {', '.join(map(env_name, absent))}",
            field=absent[0],
        )


def tell_setup(redis: Redis, settings: Settings) -> None:
    """Tell what is known without asking anybody; what ThreatQ's page says of LogRhythm is told by the next run."""
    tell(redis, "threatq", not_set(settings, threatq_needs(settings)))
    if settings.settings_from == "local":
        tell(redis, "logrhythm", not_set(settings, NEEDED))
