"""Mappings as a person writes them, for the tests."""

from __future__ import annotations

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


def mapping_of(text: str) -> Mapping:
    """Read one of the texts above, or one like it."""
    name = text.partition("name: ")[2].partition("\n")[0]
    return read_mapping(text, f"{name}.yaml", name=name)


def mappings_of(*texts: str) -> Mappings:
    """Read several."""
    return Mappings(map(mapping_of, texts))
