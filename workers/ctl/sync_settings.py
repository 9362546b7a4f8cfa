"""The settings of the list sync, for the commands about lists."""

from __future__ import annotations

from workers.config import Settings, require
from workers.errors import ConfigError
from workers.runtime import Runtime
from workers.sync.setup import NEEDED


def sync_settings(here: Runtime) -> Settings:
    """Return the settings with those of LogRhythm's page; raises ConfigError while it is disabled or incomplete."""
    settings = here.sync_settings()
    if settings is None:
        raise ConfigError(
            f"{here.settings.logrhythm_connector_name} is not enabled in ThreatQ; enable it on its page",
            field="connector",
        )
    require(settings, *NEEDED)
    return settings
