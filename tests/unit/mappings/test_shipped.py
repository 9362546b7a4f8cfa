"""Each mapping that is shipped makes of documents of its format exactly the events that a person expects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.mappings.shipped_samples import FOLDER, events_of, samples
from workers.mappings.folder import shipped
from workers.mappings.matching import GENERIC

SAMPLES = samples()


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, sample, id=f"{name}-{number}")
        for name, own in SAMPLES.items()
        for number, sample in enumerate(own, start=1)
    ],
)
def test_a_document_becomes_the_event_that_it_tells_of(name: str, sample: dict[str, Any]) -> None:
    assert events_of(sample["document"]) == (name, sample["events"])


@pytest.mark.parametrize("mapping", [mapping.name for mapping in shipped()])
def test_a_shipped_mapping_has_two_samples_at_least(mapping: str) -> None:
    assert len(SAMPLES[mapping]) >= 2


def test_the_page_of_formats_names_each_mapping_and_how_many_there_are() -> None:
    page = (FOLDER.parents[2] / "docs" / "formats.md").read_text()
    names = [mapping.name for mapping in shipped() if mapping.name != GENERIC]
    assert [name for name in names if f"(`{name}`)" not in page] == []
    assert f"\n{len(names)} formats have a mapping that is shipped" in page


def test_a_payload_of_the_dialect_has_no_mapping() -> None:
    dialect = {"event_name": "Beacon", "event_type": "Sighting", "uri_source": "IP Address:203.0.113.9"}
    assert shipped().choose(dialect) is None


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != GENERIC])
def test_a_document_without_all_that_is_optional_is_no_error(name: str) -> None:
    for sample in SAMPLES[name]:
        for field in sample["document"]:
            rest = {key: value for key, value in sample["document"].items() if key != field}
            assert events_of(rest)[1]
