"""What the settings say about the list sync, as the values that planning takes."""

from __future__ import annotations

import yaml

from workers.core.errors import ConfigError
from workers.listsync.plan.guard import DeleteGuard
from workers.listsync.plan.mapping import ListFamily, parse_mapping
from workers.listsync.plan.plan import Rules
from workers.listsync.plan.types import FIELD, TypeTable
from workers.settings.model import Settings, env_name, missing, require
from workers.settings.pages import LOGRHYTHM

#: What a sync cannot do without.
NEEDED = ("logrhythm_url", "logrhythm_token", "sync_collections")

#: How LogRhythm's page in ThreatQ calls that.
LABELS = {{"logrhythm_host": "logrhythm_url"}.get(field.name, field.name): field.label for field in LOGRHYTHM}


def rules_of(settings: Settings) -> Rules:
    """Return the rules for every list."""
    return Rules(
        method=settings.sync_method,
        guard=DeleteGuard(
            max_count=settings.sync_delete_max_count, max_percent=settings.sync_delete_max_percent
        ),
        capacity=settings.sync_list_maximum,
        foreign_entries=settings.sync_foreign_entries,
    )


def types_of(settings: Settings) -> TypeTable:
    """Return the type table with the settings' changes; raises ConfigError that names what is wrong."""
    try:
        changes = yaml.safe_load(settings.sync_types) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", field=FIELD) from error
    if not isinstance(changes, dict):
        raise ConfigError("give a type's name and below it listType, form and useContext", field=FIELD)
    return TypeTable().overridden({str(name): change for name, change in changes.items()})


def keeps_out_of(settings: Settings) -> frozenset[str]:
    """Return the statuses, casefolded, whose indicators are kept out of the lists."""
    names = settings.sync_statuses_kept_out.casefold().split(",")
    return frozenset(name.strip() for name in names if name.strip())


def collections_of(settings: Settings) -> tuple[ListFamily, ...]:
    """Return the data collections to be synced."""
    return parse_mapping(settings.sync_collections, tuple(types_of(settings)))


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
