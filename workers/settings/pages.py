"""The connectors' pages in ThreatQ's UI: which of our settings each of them shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import structs

from workers.core.errors import ConfigError
from workers.core.urls import service_url
from workers.settings.destination import check_destination
from workers.settings.file import quoted
from workers.settings.model import Settings, fields
from workers.settings.page_fields import Choice, PageField, filled_in, unknown_names
from workers.settings.values import Given, to_value

#: How a page that names one data collection alone says the rest of the mapping.
_OF_ONE_COLLECTION = (
    PageField("base_name", "Base name"),
    PageField("split_by", "Split by", aliases=("Split lists by",)),
)

#: What parts the words of a sync method: "Fully sync (add and delete) …", `full_sync`.
_NO_LETTERS = re.compile(r"[^a-z]+")

#: First words of a sync method, and the method.
_METHODS = {
    "full": "full",
    "fully": "full",
    "complete": "full",
    "add": "add",
    "only": "add",
    "additive": "add",
}

#: The Events Builder's page (Events Builder guide, Configuration).
EVENTS_BUILDER = (
    PageField(
        "private_ips",
        "Private IPs",
        aliases=("Private IP Addresses",),
        help="Addresses of your own that never become indicators: single addresses, ranges with a dash and "
        "networks (10.0.0.0/8), separated by commas; IPv6 as well.",
    ),
)

#: LogRhythm's page (LogRhythm guide, Configuration), in the order of the guide. The names of the fields are ours.
LOGRHYTHM = (
    PageField(
        "logrhythm_host",
        "LogRhythm Host",
        help="Host name or IP address of the Platform Manager.",
        aliases=("Host", "Hostname"),
    ),
    PageField(
        "logrhythm_port",
        "LogRhythm API Port",
        default="8501",
        aliases=("Port", "API Port"),
        help="Port of the REST API's gateway; only LogRhythm Cloud listens on another one, 443.",
    ),
    PageField(
        "logrhythm_v751",
        "Check this box if LogRhythm is version 7.5.1 or higher",
        "checkbox",
        default="true",
        aliases=("LogRhythm version 7.5.1 or higher", "Version 7.5.1 or higher"),
        help="From 7.5.1 on people are looked up in another place; leave it unchecked for older versions.",
    ),
    PageField(
        "logrhythm_owner",
        "Name of the LogRhythm user owning the Threat Lists in LogRhythm NOT the username, but the name of the "
        "user as it appears in LogRhythm",
        help="First column of Deployment Manager > People.",
        aliases=(
            "Name of the LogRhythm user owning the Threat Lists in LogRhythm",
            "Name of the LogRhythm user owning the Threat Lists",
        ),
    ),
    PageField(
        "logrhythm_token",
        "JW Token",
        "password",
        help="Deployment Manager > Third Party Applications.",
        aliases=("JWT", "JWT Token"),
    ),
    PageField(
        "sync_collections",
        "A ThreatQ data collection with IOCs to add to LogRhythm",
        "textarea",
        aliases=("Saved Search With Indicators To Add To LogRhythm", "Data collection", "Data collections"),
        help="YAML: the collection's name, and below it baseName and splitBy (tqtype, score or scoreRange).",
    ),
    PageField(
        "sync_method",
        "Select the sync method between ThreatQ and LogRhythm",
        "select",
        default="add",
        help="Fully sync also deletes what has left the data collections, under the delete guard.",
        options=(
            Choice("Add indicators from ThreatQ data collections to LogRhythm lists", "add"),
            Choice("Fully sync (add and delete) ThreatQ data collections with LogRhythm lists", "full"),
        ),
        aliases=("Synchronization method", "Sync method"),
    ),
    PageField(
        "sync_max_items",
        "Maximum number of LogRhythm indicators to compare against during the sync",
        default="1000000",
        aliases=("Maximum number of LogRhythm indicators", "Maximum number of indicators"),
        help="A longer list is left as it is and reported; comparing more costs LogRhythm memory and time.",
    ),
)


def with_page(settings: Settings, shown: Mapping[str, str]) -> Settings:
    """Return `settings` as the Events Builder's page has them; what is empty there stays as it is here.

    Raises ConfigError where the page says a setting twice and differently.
    """
    return structs.replace(settings, **filled_in(EVENTS_BUILDER, shown))


def with_logrhythm_page(settings: Settings, shown: Mapping[str, str]) -> Settings:
    """Return `settings` as LogRhythm's page has them; what is empty there stays as it is here.

    Raises ConfigError that names the setting and the page, also for a host that may not have the token.
    """
    values = logrhythm_values(shown)
    origin = f"the page {settings.logrhythm_connector_name} in ThreatQ"
    host, port = values.pop("logrhythm_host", ""), values.pop("logrhythm_port", "")
    if host:
        values["logrhythm_url"] = _url(host, port, origin)
    annotations = fields()
    seen = structs.replace(
        settings,
        **{name: to_value(name, Given(text, origin), annotations[name]) for name, text in values.items()},
    )
    if host:
        is_local = bool(settings.logrhythm_token) and "logrhythm_token" not in values
        check_destination(settings, seen.logrhythm_url, origin, token_is_local=is_local)
    return seen


def logrhythm_values(shown: Mapping[str, str]) -> dict[str, str]:
    """Return what is filled in on LogRhythm's page, by the names of our fields, in the words of our settings.

    Raises ConfigError where the page says a setting twice and differently.
    """
    values = {name: text.strip() for name, text in filled_in(LOGRHYTHM, shown).items()}
    of_one = filled_in(_OF_ONE_COLLECTION, shown)
    if "base_name" in of_one and "sync_collections" in values:
        values["sync_collections"] = _whole_mapping(values["sync_collections"], of_one)
    if "sync_method" in values:
        first = next(filter(None, _NO_LETTERS.split(values["sync_method"].lower())), "")
        values["sync_method"] = _METHODS.get(first, values["sync_method"])
    return values


def unknown_fields(page_fields: Sequence[PageField], shown: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names on a page that mean nothing to us: what stands there has no effect."""
    ours = (*page_fields, *(_OF_ONE_COLLECTION if page_fields is LOGRHYTHM else ()))
    return unknown_names(ours, shown)


def _whole_mapping(collection: str, of_one: Mapping[str, str]) -> str:
    """Return the guide's YAML for a page that has the name of a data collection and the base name in two fields."""
    if "\n" in collection or collection.rstrip().endswith(":") or ": " in collection:
        return collection
    lines = [f"{quoted(collection)}:", f"  baseName: {quoted(of_one['base_name'])}"]
    lines += [f"  splitBy: {quoted(of_one['split_by'])}"] if "split_by" in of_one else []
    return "\n".join(lines)


def _url(host: str, port: str, origin: str) -> str:
    """Return the URL of a host, which may name a port of its own."""
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) <= 65_535):
        raise ConfigError(
            f"{port!r} is no port; ports are 1 to 65535 (from {origin})", field="logrhythm_port"
        )
    try:
        return service_url(host, setting="logrhythm_host", port=int(port) if port else None)
    except ConfigError as error:
        raise ConfigError(f"{error} (from {origin})") from error
