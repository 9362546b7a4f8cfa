"""The settings of the list sync and the lists that they mean, for the commands about lists."""

from __future__ import annotations

from workers.config import Settings
from workers.errors import ConfigError
from workers.listsync.naming import family
from workers.listsync.options import collections_of, types_of
from workers.logrhythm.lists import Lists
from workers.logrhythm.model import ListSummary
from workers.runtime import Runtime
from workers.sync.setup import require_sync


def sync_settings(here: Runtime) -> Settings:
    """Return the settings with those of LogRhythm's page; raises ConfigError while it is disabled or incomplete."""
    settings = here.sync_settings()
    if settings is None:
        raise ConfigError(
            f"{here.settings.logrhythm_connector_name} is not enabled in ThreatQ; enable it on its page",
            field="connector",
        )
    require_sync(settings)
    return settings


def lists_of(settings: Settings, lists: Lists) -> list[ListSummary]:
    """Return those of `lists` that have a name of a configured family, retired ones too."""
    types = types_of(settings)
    found: list[ListSummary] = []
    for one in collections_of(settings):
        found += lists.named(family(one.base_name, one.split_by, types), common=one.base_name).values()
    return sorted(found, key=lambda one: one.name)
