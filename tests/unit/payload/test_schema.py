"""The published schema takes what the reader takes, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from tools import schemas
from workers.core.jobs import Job
from workers.payload.builder import FIELDS
from workers.payload.intake import Intake
from workers.payload.schema import payload_schema

INTAKE = Intake("test", 100_000)
SCHEMA = jsonschema.Draft202012Validator(payload_schema())

PLAIN = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
#: No time that a reader would refuse, which a schema cannot tell.
TIMES = (
    st.none() | st.integers(0, 2_000_000_000) | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
)


def test_the_published_schema_is_the_one_that_the_code_makes() -> None:
    published = schemas.FOLDER / "payload.schema.json"
    assert published.read_text() == schemas.text(payload_schema()), "run make docs"
    jsonschema.Draft202012Validator.check_schema(payload_schema())


def test_it_names_every_field_of_the_dialect() -> None:
    assert payload_schema()["properties"].keys() == FIELDS


@given(
    st.fixed_dictionaries(
        # A field that stands in no other form: else a document without a name would look for its mapping.
        {"syslog_message": JSON},
        optional={
            **dict.fromkeys(
                ("event_name", "event_type"), PLAIN | st.just("Sighting") | st.lists(PLAIN, max_size=2)
            ),
            **dict.fromkeys(
                ("event_attributes", "uri_source", "uri_target", "identity", "malware", "other"), JSON
            ),
            "event_happened_at": TIMES,
        },
    )
)
def test_the_reader_and_the_schema_agree(payload: dict[str, Any]) -> None:
    (result,) = INTAKE.jobs(json.dumps(payload).encode())
    assert SCHEMA.is_valid(payload) == isinstance(result, Job), result


def test_the_guides_payload_is_valid(example_payload: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(example_payload)
