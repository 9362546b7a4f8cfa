"""The published schema of mapping files takes what the reader takes, and nothing else."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mappings import ALARM, TRAIL
from tools import schemas
from workers.mappings.expressions import MappingFault
from workers.mappings.folder import SHIPPED
from workers.mappings.functions import FUNCTIONS
from workers.mappings.reading import FIELDS, TOP, read_mapping
from workers.mappings.schema import mapping_schema

SCHEMA = jsonschema.Draft202012Validator(mapping_schema())

#: What may stand anywhere in a file, right or wrong there. Each text is an expression: of those the reader alone knows.
SCALARS = st.sampled_from(["a", "alarm.name", "'x'", "@", "", "  ", "on", "5 == `5`", None, True, 5, 1.5, -3])
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "type", "value", "document", "1-2"]), inner, max_size=3)
    ),
    max_leaves=5,
)

#: Changes of the file below: at its top and among its fields.
CHANGES = st.fixed_dictionaries({}, optional=dict.fromkeys((*TOP[1:], "matches"), ANYTHING))
FIELD_CHANGES = st.fixed_dictionaries({}, optional=dict.fromkeys((*FIELDS, "severities"), ANYTHING))
GOOD: dict[str, Any] = {"name": "a", "version": 1, "match": "a", "each": "b[]"}
GOOD_FIELDS = {"event_name": "a", "event_type": "a"}


def is_read(file: object) -> bool:
    """Tell whether the reader takes a file."""
    try:
        read_mapping(yaml.safe_dump(file), "m.yaml", FUNCTIONS, name="a")
    except MappingFault:
        return False
    return True


def test_the_published_schema_is_the_one_that_the_code_makes() -> None:
    published = schemas.FOLDER / "mapping.schema.json"
    assert published.read_text() == schemas.text(mapping_schema()), "run make docs"
    jsonschema.Draft202012Validator.check_schema(mapping_schema())


@pytest.mark.parametrize(
    "text", [ALARM, TRAIL, *(path.read_text() for path in sorted(SHIPPED.glob("*.yaml")))]
)
def test_every_mapping_is_valid(text: str) -> None:
    assert [fault.message for fault in SCHEMA.iter_errors(yaml.safe_load(text))] == []


@given(CHANGES, FIELD_CHANGES, st.sampled_from(["", *GOOD, *GOOD_FIELDS]))
def test_the_reader_and_the_schema_agree(
    changes: dict[str, Any], field_changes: dict[str, Any], lacking: str
) -> None:
    file = {**GOOD, "fields": {**GOOD_FIELDS, **field_changes}, **changes}
    for table in (file, file["fields"]):
        if isinstance(table, dict):
            table.pop(lacking, None)
    assert SCHEMA.is_valid(file) == is_read(file)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("severity: 5", "must be a text, which YAML does not see in 5; write '5' for a field"),
        ("severity: on", '"`on`" for the value'),
        ("severity: null", "must be a text"),
    ],
)
def test_what_yaml_sees_as_no_text_is_refused_with_how_to_write_it(line: str, reason: str) -> None:
    with pytest.raises(MappingFault) as caught:
        read_mapping(ALARM.replace("severity: alarm.severity", line), "m.yaml", FUNCTIONS, name="acme-alarm")
    assert reason in str(caught.value)
