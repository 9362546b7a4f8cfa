"""The connector's page in the ThreatQ UI: whether we are enabled, and the settings made there.

This file holds every guess about /api/connectors, and nothing else does. Seen in the vendor's SDK: GET
by name or id. Guessed: registering (POST with name, category and field definitions), and `custom_fields` as
name or label to value, or as a list of fields (the sandbox's switch connector_fields).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from workers.core.errors import ConfigError, MissingRights, ServiceAway
from workers.settings.page_fields import PageField
from workers.threatq.client import Caller, Json, Params, row_id, rows
from workers.threatq.errors import ServiceRefusal

PATH = "/api/connectors"

#: Seconds for which the page is believed; a switch in the UI is obeyed no later than that.
TTL_S = 60.0


class ConnectorPage(Struct, frozen=True):
    """What the connector's page says; `fields` maps a setting's name to its text."""

    id: int
    name: str
    is_enabled: bool
    fields: Mapping[str, str]


class Connector:
    """One connector in ThreatQ, by name; a page on which it is enabled is read at most once in `ttl_s` seconds."""

    def __init__(
        self, caller: Caller, name: str, *, ttl_s: float = TTL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._caller, self._name, self._ttl_s, self._clock = caller, name, ttl_s, clock
        self._lock = threading.Lock()
        self._page: ConnectorPage | None = None
        self._read_at = 0.0

    def find(self) -> ConnectorPage | None:
        """Return the page, or None if the connector was never registered.

        Raises ConfigError where the account may not use connectors, and ServiceAway.
        """
        with self._lock:
            # Work waits for one that is disabled, and shall go on as soon as it is enabled.
            is_believed = self._page is not None and self._page.is_enabled
            if not is_believed or self._clock() - self._read_at >= self._ttl_s:
                self._page = self._read()
                self._read_at = self._clock()
            return self._page

    def page(self) -> ConnectorPage:
        """Return the page; raises ConfigError if the connector was never registered."""
        if page := self.find():
            return page
        raise ConfigError(
            f"ThreatQ knows no connector {self._name!r}; run the command once to register it",
            field="connector_name",
        )

    def register(self, fields: Sequence[PageField]) -> ConnectorPage:
        """Return the page, creating it where there is none; a new connector is disabled, as in the guides."""
        with self._lock:
            self._page = self._read()
            if self._page is None:
                body = {
                    "name": self._name,
                    "category": "Labs",
                    "is_active": False,
                    "custom_fields": [_definition(field) for field in fields],
                }
                created = rows(self._call("POST", PATH, json=body))
                self._page = _page(created[0]) if created else self._read()
            self._read_at = self._clock()
        return self.page()

    def _read(self) -> ConnectorPage | None:
        entries = rows(self._call("GET", PATH, params={"name": self._name}))
        return next((_page(row) for row in entries if row.get("name") == self._name), None)

    def _call(self, method: str, path: str, *, params: Params | None = None, json: object = None) -> Any:
        """Call ThreatQ; where it does not let us, say that the settings may come from a file instead."""
        try:
            return self._caller.call(method, path, params=params, json=json)
        except (ServiceRefusal, MissingRights) as error:
            raise ConfigError(
                f"{error}; if this account may not use connectors, set settings_from to local",
                field="settings_from",
            ) from error


def every_page(caller: Caller) -> list[ConnectorPage]:
    """Return the pages of all connectors that the account may see; raises ConfigError and ServiceAway."""
    try:
        return [_page(row) for row in rows(caller.call("GET", PATH))]
    except ServiceRefusal as error:
        raise ConfigError(
            f"the pages of connectors cannot be read ({error})", field="settings_from"
        ) from error


def _page(row: Json) -> ConnectorPage:
    name = str(row.get("name", ""))
    try:
        number = row_id(row)
    except ServiceAway as error:
        raise ServiceAway(
            "threatq", f"ThreatQ describes the connector {name!r} in a way that we do not know ({error})"
        ) from error
    return ConnectorPage(number, name, _truth(row.get("is_active")), _fields(row))


def _truth(flag: Any) -> bool:
    """Return a flag as the vendor's SDK reads it: empty and 'False' are false."""
    return str(flag).strip().casefold() not in ("", "0", "false", "none", "n")


def _definition(field: PageField) -> Json:
    """Return a field as ThreatQ is told of it; by which other names we know it is our own affair."""
    definition: Json = msgspec.to_builtins(field)
    return {name: value for name, value in definition.items() if name != "aliases" and value != []}


def _fields(row: Json) -> dict[str, str]:
    """Return the settings, sent as name or label to value or as a list of fields that carry their value."""
    given = row.get("custom_fields")
    if isinstance(given, dict):
        return {str(name): _value(value) for name, value in given.items()}
    if isinstance(given, list):
        entries = [entry for entry in given if isinstance(entry, dict)]
        return {name: _value(entry) for entry in entries if (name := _name(entry))}
    return {}


def _name(entry: Json) -> str:
    return str(next((entry[key] for key in ("name", "key", "label") if entry.get(key)), ""))


def _value(given: object) -> str:
    """Return a value as text; one that carries its definition has it under `value`, else its default counts."""
    if isinstance(given, dict):
        given = given.get("value", given.get("default"))
    return _text(given)


def _text(value: object) -> str:
    return "" if value is None else str(value)
