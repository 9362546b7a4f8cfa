"""Redaction: what of a payload is never stored, taken out where its bytes first become values."""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import lru_cache
from typing import Any

from workers.core.errors import ConfigError

#: What stands in the place of what was taken out.
REDACTED = "[redacted]"

#: A rule of the setting `redact`: a pattern between slashes, or a path.
_RULE = re.compile(r"\s*+(?:/((?:[^/\\]++|\\.)*+)/|([^/,\n][^,\n]*+))\s*(?:,|\n|\Z)")

#: The name of a field in JSON, with the colon behind it; in a text within JSON its quotes are escaped.
_KEY = re.compile(r'"([^"\\]*+)\\*+"\s*+:\s*+')

#: What may follow: an escaped text, a text, something nested, of which no end is looked for, or a bare word.
_VALUE = re.compile(r'\\++"[^"]*+"?|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[{\[].*|[^\s,}\]]++', re.DOTALL)


class Redaction:
    """Takes fields out by their paths, and whatever else patterns find in texts; false where there is no rule.

    A path such as `user.password` fits at any depth, whatever the case; `*` is any one name, and lists are looked
    through.
    """

    def __init__(self, paths: list[tuple[str, ...]], patterns: list[re.Pattern[str]]) -> None:
        self._paths, self._patterns = paths, patterns
        self._names = {path[-1] for path in paths}

    def __bool__(self) -> bool:
        return bool(self._paths or self._patterns)

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Return what was read from JSON without what is to be taken out."""
        if isinstance(value, dict):
            return self._object(value, path)
        if isinstance(value, list):
            return [self.value(inner, path) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Return a text without it: also JSON in it, whole or cut off, and attributes as `name<|value`."""
        if self._names and '"' in text:
            text = self._within_json(text)
        if self._names and "<|" in text:
            text = "~|".join(map(self._attribute, text.split("~|")))
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        return text

    def raw(self, data: bytes) -> bytes:
        """Return the bytes of what could not be read without it."""
        try:
            encoding = json.detect_encoding(data)
            text = data.decode(encoding)
        except UnicodeDecodeError:
            encoding = "utf-8"
            text = data.decode(encoding, "surrogateescape")
        cleaned = self.text(text)
        return data if cleaned == text else cleaned.encode(encoding, "surrogateescape")

    def _object(self, value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        # As lists of attributes have it: {"name": "password", "value": …}.
        named = (*path, str(value.get("name", "")).casefold())
        for key, inner in value.items():
            own = (*path, key.casefold())
            if self._fits(own) or (key == "value" and self._fits(named)):
                cleaned[key] = REDACTED
            else:
                cleaned[key] = self._encoded(inner) if key == "data_base64" else self.value(inner, own)
        return cleaned

    def _fits(self, path: tuple[str, ...]) -> bool:
        return any(
            len(rule) <= len(path)
            and all(part in ("*", name) for part, name in zip(rule, path[-len(rule) :], strict=True))
            for rule in self._paths
        )

    def _encoded(self, value: Any) -> Any:
        """Return the data of a CloudEvent that is in base64."""
        try:
            return base64.b64encode(self.raw(base64.b64decode(value, validate=True))).decode()
        except (TypeError, ValueError, binascii.Error):
            return REDACTED

    def _within_json(self, text: str) -> str:
        """Take out what stands behind the last name of each path; here nothing tells in which object it is."""
        parts, end = [], 0
        while key := _KEY.search(text, end):
            parts.append(text[end : key.end()])
            end = key.end()
            if (key[1].casefold() in self._names or "*" in self._names) and (
                value := _VALUE.match(text, end)
            ):
                quote = value[0].partition('"')[0] + '"' if value[0][:1] == "\\" else '"'
                parts.append(f"{quote}{REDACTED}{quote}")
                end = value.end()
        return "".join(parts) + text[end:]

    def _attribute(self, pair: str) -> str:
        name, separator, _ = pair.partition("<|")
        is_named = separator and name.strip().casefold() in self._names
        return f"{name}{separator}{REDACTED}" if is_named else pair


@lru_cache(maxsize=8)
def redaction_of(rules: str) -> Redaction:
    """Read the setting `redact`; raises ConfigError for a rule that cannot be read."""
    paths, patterns, end = [], [], 0
    rules = rules.strip()
    while end < len(rules):
        rule = _RULE.match(rules, end)
        if rule is None:
            raise ConfigError(
                f"{rules[end : end + 40]!r} is no rule; write paths (user.password) and /patterns/, by commas or lines",
                field="redact",
            )
        end = rule.end()
        if rule[1] is not None:
            patterns.append(_compiled(rule[1]))
        else:
            paths.append(tuple(part.casefold() for part in rule[2].strip().split(".")))
    return Redaction(paths, patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern.replace("\\/", "/"))
    except re.error as error:
        raise ConfigError(f"/{pattern}/ is no regular expression: {error}", field="redact") from error
