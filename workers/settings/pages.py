"""The connectors' pages in ThreatQ's UI: which of our settings each of them shows."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from workers.core.errors import ConfigError
from workers.core.urls import service_url
from workers.settings.destination import check_destination
from workers.settings.model import Settings, fields
from workers.settings.values import Given, to_value


class PageField(Struct, frozen=True):
    """One setting on the connector's page; `kind` is how the page shows it: text, textarea, checkbox."""

    name: str
    label: str
    kind: str = "text"
    default: str = ""
    help: str = ""


#: The Events Builder's page (Events Builder guide, Configuration).
EVENTS_BUILDER = (
    PageField(
        "private_ips",
        "Private IPs",
        help="Addresses of your own that never become indicators: single addresses, ranges with a dash and "
        "networks (10.0.0.0/8), separated by commas; IPv6 as well.",
    ),
)

#: LogRhythm's page (LogRhythm guide, Configuration), in the order of the guide. The names of the fields are ours.
LOGRHYTHM = (
    PageField("logrhythm_host", "LogRhythm Host", help="Host name or IP address of the Platform Manager."),
    PageField(
        "logrhythm_port",
        "LogRhythm API Port",
        default="8501",
        help="Port of the REST API's gateway; only LogRhythm Cloud listens on another one, 443.",
    ),
    PageField(
        "logrhythm_v751",
        "Check this box if LogRhythm is version 7.5.1 or higher",
        "checkbox",
        default="true",
        help="From 7.5.1 on people are looked up in another place; leave it unchecked for older versions.",
    ),
    PageField(
        "logrhythm_owner",
        "Name of the LogRhythm user owning the Threat Lists in LogRhythm NOT the username, but the name of the "
        "user as it appears in LogRhythm",
        help="First column of Deployment Manager > People.",
    ),
    PageField(
        "logrhythm_token", "JW Token", "password", help="Deployment Manager > Third Party Applications."
    ),
    PageField(
        "sync_collections",
        "A ThreatQ data collection with IOCs to add to LogRhythm",
        "textarea",
        help="YAML: the collection's name, and below it baseName and splitBy (tqtype, score or scoreRange).",
    ),
    PageField(
        "sync_method",
        "Select the sync method between ThreatQ and LogRhythm",
        "select",
        default="add",
        help="add: add indicators to LogRhythm lists. full: fully sync (add and delete).",
    ),
    PageField(
        "sync_max_items",
        "Maximum number of LogRhythm indicators to compare against during the sync",
        default="1000000",
        help="A longer list is left as it is and reported; comparing more costs LogRhythm memory and time.",
    ),
)


def with_page(settings: Settings, shown: Mapping[str, str]) -> Settings:
    """Return `settings` as the Events Builder's page has them; what is empty there stays as it is here."""
    given = {field.name: shown[field.name] for field in EVENTS_BUILDER if shown.get(field.name, "").strip()}
    return structs.replace(settings, **given)


def with_logrhythm_page(settings: Settings, shown: Mapping[str, str]) -> Settings:
    """Return `settings` as LogRhythm's page has them; what is empty there stays as it is here.

    Raises ConfigError that names the setting and the page, also for a host that may not have the token.
    """
    given = {name: text.strip() for name, text in shown.items() if text.strip()}
    values: dict[str, str] = {field.name: given[field.name] for field in LOGRHYTHM if field.name in given}
    origin = f"the page {settings.logrhythm_connector_name} in ThreatQ"
    host, port = values.pop("logrhythm_host", ""), values.pop("logrhythm_port", "")
    if host:
        values["logrhythm_url"] = _url(host, port, origin)
    if "sync_method" in values:
        # A page may hold the guide's label instead of our word.
        values["sync_method"] = values["sync_method"].split()[0].lower().removesuffix("y")
    annotations = fields()
    seen = structs.replace(
        settings,
        **{name: to_value(name, Given(text, origin), annotations[name]) for name, text in values.items()},
    )
    if host:
        is_local = bool(settings.logrhythm_token) and "logrhythm_token" not in values
        check_destination(settings, seen.logrhythm_url, origin, token_is_local=is_local)
    return seen


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
