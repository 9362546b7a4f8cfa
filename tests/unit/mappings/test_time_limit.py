"""Work at mappings ends early in a thread on which others wait, to be begun again in another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.mappings import DOCUMENT, mapping_of
from workers.mappings.apply import apply_mapping
from workers.mappings.folder import MappingFolder
from workers.mappings.time_limit import OutOfTime, at_most
from workers.payload.intake import Intake

SLOW = """\
name: slow
version: 1
match: vendor
fields:
  event_name: to_string(map(&map(&length(to_string(@)), $document.l), l))
  event_type: "'Slow'"
"""


def test_an_expression_ends_where_others_wait_for_the_thread() -> None:
    document = {"vendor": "a", "l": [0] * 50}
    with at_most(0.0), pytest.raises(OutOfTime):
        apply_mapping(mapping_of(SLOW), document)
    # and not elsewhere
    assert apply_mapping(mapping_of(SLOW), document).payload["event_type"] == "Slow"


def test_many_documents_that_are_fast_end_too(own_mappings: str) -> None:
    folder = MappingFolder(own_mappings)
    folder.current()
    with at_most(0.0), pytest.raises(OutOfTime):
        Intake("http", 100_000, mappings=folder).jobs(json.dumps([DOCUMENT] * 9).encode())


def test_the_files_of_mappings_are_read_by_a_thread_for_which_nothing_waits(own_mappings: str) -> None:
    folder = MappingFolder(own_mappings)
    with at_most(60.0), pytest.raises(OutOfTime):
        folder.current()
    # and then all have them
    assert folder.current().named("acme-alarm").file == str(Path(own_mappings, "acme-alarm.yaml"))
    with at_most(60.0):
        folder.current()
