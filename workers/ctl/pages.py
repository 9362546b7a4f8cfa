"""Which settings the connectors' pages in ThreatQ decide now, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import structs

from workers.config import Loaded, Settings, missing, threatq_needs
from workers.ctl.timeouts import with_short_timeouts
from workers.pages import EVENTS_BUILDER, LOGRHYTHM, with_logrhythm_page, with_page
from workers.threatq.client import Client
from workers.threatq.connector import Connector, Field

#: Fields of a page that are part of a setting of another name.
_PART_OF = {"logrhythm_host": "logrhythm_url", "logrhythm_port": "logrhythm_url"}

#: Lays what a page says over settings.
Overlay = Callable[[Settings, Mapping[str, str]], Settings]


def with_pages(loaded: Loaded) -> Loaded:
    """Return the settings and origins as workers see them, pages of ThreatQ included.

    Where the settings are local, or ThreatQ is not configured, nothing is asked. Raises ConfigError and
    ServiceAway.
    """
    settings = loaded.settings
    if settings.settings_from == "local" or missing(settings, threatq_needs(settings)):
        return loaded
    client = Client.from_settings(with_short_timeouts(settings))
    try:
        for name, fields, overlay in _pages(settings):
            page = Connector(client, name).find()
            if page is not None:
                loaded = _laid_over(loaded, f"page {name} in ThreatQ", page.fields, fields, overlay)
    finally:
        client.close()
    return loaded


def _pages(settings: Settings) -> Iterator[tuple[str, Sequence[Field], Overlay]]:
    yield settings.connector_name, EVENTS_BUILDER, with_page
    yield settings.logrhythm_connector_name, LOGRHYTHM, with_logrhythm_page


def _laid_over(
    loaded: Loaded, origin: str, shown: Mapping[str, str], fields: Sequence[Field], overlay: Overlay
) -> Loaded:
    said = [field.name for field in fields if shown.get(field.name, "").strip()]
    origins = {_PART_OF.get(name, name): origin for name in said}
    if "logrhythm_host" not in said:
        # A port alone changes nothing.
        origins.pop("logrhythm_url", None)
    return structs.replace(
        loaded, settings=overlay(loaded.settings, shown), origins={**loaded.origins, **origins}
    )
