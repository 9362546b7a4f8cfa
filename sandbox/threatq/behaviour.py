"""How the simulated ThreatQ behaves where installations differ or the facts are not known."""

from __future__ import annotations

from typing import Literal

import msgspec

from sandbox.threatq.defaults import IdLayout


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Switches that stay until changed or reset; `/sandbox/behaviour` reads and changes them.

    id_layout: ids of types and event types; takes effect with a reset.
    event_key: what makes two events one; "none" makes a new event each time. Not known of the real one.
    bulk_errors: a bad item in a list is told in its place in a 2xx answer ("item"), refuses the whole
        request with a 400 ("request"), or does so with a 201 that carries `errors` ("errors").
    error_shape: "fields" is `{"data": {"errors": {field: [...]}}}`, "list" is `{"errors": [...]}`.
    poison: patterns (`*`, `?`) of values, titles and names that are refused as invalid.
    fatal: patterns of those on which it fails inside (500), and whatever comes in the same request with them.
    strip_scheme: when a URL loses its scheme: with `normalize: "Y"`, always or never.
    rows_2026: library rows leave out attributes and sources unless `fields` asks for them.
    empty_page_object: an empty library page answers `"data": {}` instead of `[]`.
    index_lag_s: how long a new object is missing from library queries.
    relation_cap: relations that one object takes; further ones are dropped.
    expires_in: life of an access token in seconds.
    new_score: the generated score of a new indicator; null leaves it without one.
    search_json: saved searches carry their query as an object or as a string.
    """

    id_layout: IdLayout = "first"
    event_key: Literal["title+type+happened_at", "none"] = "title+type+happened_at"
    bulk_errors: Literal["item", "request", "errors"] = "item"
    error_shape: Literal["fields", "list"] = "fields"
    poison: tuple[str, ...] = ()
    fatal: tuple[str, ...] = ()
    strip_scheme: Literal["normalize", "always", "never"] = "normalize"
    rows_2026: bool = False
    empty_page_object: bool = False
    index_lag_s: float = 0
    relation_cap: int = 10_000
    expires_in: float = 3600
    new_score: float | None = 0
    search_json: Literal["object", "string"] = "object"


def changed(behaviour: Behaviour, changes: object) -> Behaviour:
    """The behaviour with some switches set anew; raises msgspec.ValidationError for what is not a switch."""
    fresh = msgspec.convert(changes, Behaviour)
    if not isinstance(changes, dict):
        raise msgspec.ValidationError("a JSON object with switches is needed")
    return msgspec.structs.replace(behaviour, **{name: getattr(fresh, name) for name in changes})
