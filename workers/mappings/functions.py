"""The functions of a mapping beside those of JMESPath itself: null in, null out; none fails for want of a value."""

from __future__ import annotations

import json
import re
from typing import Any

from jmespath.functions import Functions, signature

from workers.core.times import read_time
from workers.indicators.refang import refang
from workers.mappings.finder import find_once
from workers.mappings.generic import guess
from workers.mappings.lines import read_cef, read_leef
from workers.mappings.observables import misp_values, stix_objects, stix_pattern
from workers.mappings.syslog import fields_of
from workers.mappings.values import is_missing, text_of

_ANY: dict[str, list[str]] = {"types": []}
_MORE: dict[str, Any] = {"types": [], "variadic": True}

_HASH_TYPES = {32: "MD5", 40: "SHA-1", 64: "SHA-256", 96: "SHA-384", 128: "SHA-512"}
_HEX = re.compile(r"[0-9A-Fa-f]+")
_FANGS = re.compile(r"^http|[.@]", re.I)
_SLASHES = re.compile(r"[\\/]")


class MappingFunctions(Functions):
    """JMESPath's functions and ours; the first line of each docstring is its entry in the reference."""

    @signature(_MORE)
    def _func_coalesce(self, *values: Any) -> Any:
        """`coalesce(a, b, …)`: the first that is not null, "", "-", [] or {}."""
        return next((value for value in values if not is_missing(value)), None)

    @signature(_ANY, _ANY)
    def _func_join_non_empty(self, separator: Any, items: Any) -> str | None:
        """`join_non_empty(separator, list)`: the texts of a list that are not empty, joined; null if there is none."""
        texts = [text for text in map(text_of, _as_list(items)) if text]
        return str(separator).join(texts) if texts else None

    @signature(_ANY, _MORE)
    def _func_template(self, pattern: Any, *values: Any) -> str | None:
        """`template('{} on {}', a, b)`: the pattern with each `{}` filled in; null if one of the values is empty."""
        texts = [text_of(value) for value in values]
        if not all(texts):
            return None
        pieces = str(pattern).split("{}")
        filled = [str(text) for text in texts[: len(pieces) - 1]] + [""] * len(pieces)
        return "".join(piece + text for piece, text in zip(pieces, filled, strict=False))

    @signature(_ANY)
    def _func_time(self, value: Any) -> str | None:
        """`time(value)`: a time in any form as ISO 8601 in UTC; null where it is none."""
        try:
            return read_time(value).isoformat()
        except ValueError:
            return None

    @signature(_ANY)
    def _func_lower(self, text: Any) -> str | None:
        """`lower(text)`: in small letters."""
        return text.lower() if isinstance(text, str) else None

    @signature(_ANY)
    def _func_upper(self, text: Any) -> str | None:
        """`upper(text)`: in capitals."""
        return text.upper() if isinstance(text, str) else None

    @signature(_ANY)
    def _func_trim(self, text: Any) -> str | None:
        """`trim(text)`: without blanks at both ends."""
        return text.strip() if isinstance(text, str) else None

    @signature(_ANY, _ANY, _ANY)
    def _func_replace(self, text: Any, old: Any, new: Any) -> str | None:
        """`replace(text, old, new)`: each `old` in the text replaced."""
        return text.replace(str(old), str(new)) if isinstance(text, str) and old else None

    @signature(_ANY, _ANY)
    def _func_split(self, separator: Any, text: Any) -> list[str] | None:
        """`split(separator, text)`: the parts of a text, trimmed, without empty ones."""
        if not isinstance(text, str) or not separator:
            return None
        return [part.strip() for part in text.split(str(separator)) if part.strip()]

    @signature(_ANY, _ANY)
    def _func_before(self, text: Any, separator: Any) -> str | None:
        """`before(text, separator)`: what stands before the first one; the whole text where there is none."""
        return text.partition(str(separator))[0] if isinstance(text, str) and separator else None

    @signature(_ANY, _ANY)
    def _func_after(self, text: Any, separator: Any) -> str | None:
        """`after(text, separator)`: what stands behind the first one; null where there is none."""
        if not isinstance(text, str) or not separator or str(separator) not in text:
            return None
        return text.partition(str(separator))[2]

    @signature(_ANY)
    def _func_basename(self, path: Any) -> str | None:
        """`basename(path)`: the last part of a Windows or Unix path."""
        return _SLASHES.split(path.rstrip("\\/"))[-1] if isinstance(path, str) else None

    @signature(_ANY)
    def _func_refang(self, text: Any) -> str | None:
        """`refang(text)`: `hxxp://bad[.]example` as `http://bad.example`."""
        return refang(text) if isinstance(text, str) else None

    @signature(_ANY)
    def _func_defang(self, text: Any) -> str | None:
        """`defang(text)`: `http://bad.example` as `hxxp://bad[.]example`."""
        if not isinstance(text, str):
            return None
        return _FANGS.sub(lambda match: f"[{match[0]}]" if len(match[0]) == 1 else "hxxp", text)

    @signature(_ANY)
    def _func_hash_type(self, text: Any) -> str | None:
        """`hash_type(text)`: MD5, SHA-1, SHA-256, SHA-384 or SHA-512; null where it is no such hash."""
        is_hash = isinstance(text, str) and _HEX.fullmatch(text.strip())
        return _HASH_TYPES.get(len(text.strip())) if is_hash else None

    @signature(_ANY)
    def _func_json(self, value: Any) -> Any:
        """`json(value)`: what a JSON text holds; null where it is none; what is no text stays as it is."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None

    @signature(_ANY, _ANY, _ANY)
    def _func_lookup(self, items: Any, key: Any, value: Any) -> Any:
        """`lookup(list, key, value)`: the first object of a list whose key has this value."""
        if value is None:
            return None
        objects = (item for item in _as_list(items) if isinstance(item, dict))
        return next((item for item in objects if item.get(key) == value), None)

    @signature(_ANY, _MORE)
    def _func_pick(self, table: Any, key: Any, default: Any = None, *_: Any) -> Any:
        """`pick(object, key, default)`: the value under a key that is computed, a number as text; else the default."""
        value = table.get(text_of(key)) if isinstance(table, dict) else None
        return default if value is None else value

    @signature(_ANY)
    def _func_entries(self, table: Any) -> list[dict[str, Any]] | None:
        """`entries(object)`: its fields as a list of `{name, value}`."""
        if not isinstance(table, dict):
            return None
        return [{"name": name, "value": value} for name, value in table.items()]

    @signature(_ANY)
    def _func_list(self, value: Any) -> list[Any]:
        """`list(value)`: [] for null, a list as it is, anything else as a list of one."""
        return _as_list(value)

    @signature(_ANY)
    def _func_unique(self, items: Any) -> list[Any]:
        """`unique(list)`: each value once, in order."""
        known: dict[str, Any] = {}
        for item in _as_list(items):
            known.setdefault(json.dumps(item, sort_keys=True), item)
        return list(known.values())

    @signature(_MORE)
    def _func_concat(self, *lists: Any) -> list[Any]:
        """`concat(list, list, …)`: one list of all, nulls left out."""
        return [item for items in lists for item in _as_list(items) if item is not None]

    @signature(_ANY)
    def _func_cef(self, text: Any) -> dict[str, Any] | None:
        """`cef(text)`: a CEF line as an object, its fields under `extension`; null where it is none."""
        return read_cef(text) if isinstance(text, str) else None

    @signature(_ANY)
    def _func_leef(self, text: Any) -> dict[str, Any] | None:
        """`leef(text)`: a LEEF line as an object, its fields under `extension`; null where it is none."""
        return read_leef(text) if isinstance(text, str) else None

    @signature(_ANY)
    def _func_fields(self, text: Any) -> dict[str, Any] | None:
        """`fields(text)`: a line of `key=value` fields, or with JSON or XML at its end, as an object; else null."""
        return fields_of(text) if isinstance(text, str) else None

    @signature(_ANY)
    def _func_sources(self, value: Any) -> list[dict[str, str]]:
        """`sources(value)`: the indicators anywhere in a value that something came from, by field name and form."""
        return list(find_once(value).sources)

    @signature(_ANY)
    def _func_targets(self, value: Any) -> list[dict[str, str]]:
        """`targets(value)`: the indicators anywhere in a value that were contacted, asked for or run."""
        return list(find_once(value).targets)

    @signature(_ANY)
    def _func_hosts(self, value: Any) -> list[str]:
        """`hosts(value)`: the machines of ours anywhere in a value, by name or address."""
        return list(find_once(value).assets)

    @signature(_ANY)
    def _func_guess(self, value: Any) -> dict[str, Any] | None:
        """`guess(object)`: its title, type, time, person, severity and source, by the usual names of such fields."""
        return guess(value) if isinstance(value, dict) else None

    @signature(_ANY)
    def _func_stix(self, value: Any) -> list[dict[str, str]]:
        """`stix(value)`: the indicators that a STIX pattern compares with, or that STIX objects name."""
        return stix_pattern(value) if isinstance(value, str) else stix_objects(value)

    @signature(_ANY)
    def _func_misp(self, attributes: Any) -> list[dict[str, str]]:
        """`misp(attributes)`: the indicators among MISP attributes."""
        return misp_values(attributes)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


#: What every mapping may call.
FUNCTIONS = MappingFunctions()
