"""Mappings as a person writes them, for the tests."""

from __future__ import annotations

from typing import Any

from workers.mappings.functions import FUNCTIONS
from workers.mappings.matching import Mappings
from workers.mappings.model import Mapping
from workers.mappings.reading import read_mapping

ALARM = """\
name: acme-alarm
version: 2
title: ACME alarm
match: vendor == 'ACME' && alarm
fields:
  event_name: alarm.name
  event_type: coalesce(alarm.kind, 'ACME Alarm')
  event_happened_at: alarm.time
  severity: alarm.severity
  group_by: [alarm.rule, alarm.source]
  attributes:
    Rule: alarm.rule
    Tags: alarm.tags
  identity: alarm.user
  assets: alarm.host
  sources:
    - type: "'IP Address'"
      value: alarm.source
    - alarm.more
  source_attributes:
    Country: alarm.country
"""

TRAIL = """\
name: acme-trail
version: 1
match: Records && account
each: Records[]
keep: {account: account}
fields:
  event_name: name
  event_type: "'Trail'"
  attributes: {Account: outer.account}
"""


#: A document for the first, and one with three events for the second, one of which is none.
DOCUMENT: dict[str, Any] = {
    "vendor": "ACME",
    "alarm": {"name": "Beacon", "time": 1633460462, "source": "1.2.3.4", "host": "dc01"},
}
RECORDS: dict[str, Any] = {"account": "42", "Records": [{"name": "a"}, {"other": 1}, {"name": "b"}]}


def mapping_of(text: str) -> Mapping:
    """Read one of the texts above, or one like it."""
    name = text.partition("name: ")[2].partition("\n")[0]
    return read_mapping(text, f"{name}.yaml", FUNCTIONS, name=name)


def mappings_of(*texts: str) -> Mappings:
    """Read several."""
    return Mappings(map(mapping_of, texts))
