"""What the commands about lists share: the sync's settings, and the services that a run uses."""

from __future__ import annotations

from workers.config import Settings, require
from workers.errors import ConfigError
from workers.runtime import Runtime
from workers.sync.holds import Holds
from workers.sync.manifests import Manifests
from workers.sync.run import Tools
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


def tools_of(here: Runtime, settings: Settings) -> Tools:
    """Return the services that the settings name."""
    logrhythm = here.logrhythm(settings)
    manifests = Manifests(here.redis, logrhythm.gateway.url)
    return Tools(here.threatq.caller, logrhythm, manifests, Holds(here.redis))
