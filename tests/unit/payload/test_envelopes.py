"""What exports, queues and APIs put around documents comes off, and each document inside gets its own mapping."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import InputError
from workers.mappings.apply import MOST_EVENTS
from workers.mappings.folder import shipped
from workers.payload.mapped import MappedDocument, NoMapping, map_document

TRAIL = {"eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com", "sourceIPAddress": "203.0.113.7"}
AZURE = {"operationName": "Delete vault", "category": "Administrative", "callerIpAddress": "203.0.113.8"}
ODD = {"odd": 1}


def mappings_of(document: dict[str, Any], *, generic: bool = False) -> list[str]:
    """Return the name of the mapping of each event, and for what is none why."""
    return [
        item.mapping.name if isinstance(item, MappedDocument) and item.mapping else str(item)
        for item in map_document(document, shipped(), generic=generic)
    ]


@pytest.mark.parametrize(
    ("envelope", "names"),
    [
        # Azure's diagnostic export; Microsoft Graph; Okta's event hook.
        ({"records": [AZURE, AZURE]}, ["azure-log", "azure-log"]),
        ({"@odata.context": "x", "value": [AZURE]}, ["azure-log"]),
        ({"eventId": "x", "data": {"events": [TRAIL]}}, ["aws-cloudtrail"]),
        # Amazon SNS, whose message is a text; Splunk's collector; Elasticsearch's answer and hit.
        ({"Type": "Notification", "MessageId": "x", "Message": json.dumps(TRAIL)}, ["aws-cloudtrail"]),
        ({"sourcetype": "x", "event": TRAIL}, ["aws-cloudtrail"]),
        ({"_index": "x", "_source": TRAIL}, ["aws-cloudtrail"]),
        # A line of a log, as shippers and buses put it there.
        ({"message": "<134>Mar  4 05:06:07 h CEF:0|Acme|Wall|1|42|Blocked|7|src=203.0.113.7"}, ["cef"]),
        ({"_raw": "LEEF:1.0|Acme|Wall|1|42|src=203.0.113.7", "host": "a"}, ["leef"]),
        ({"program": "CEF", "message": "CEF:0|Acme|Wall|1|42|Blocked|7|src=203.0.113.7"}, ["cef"]),
        ({"message": 'devid=FG1 logid=13 type=utm subtype=ips date=2026-03-04 attack="x"'}, ["fortinet-log"]),
        # Documents of several formats.
        ({"events": [TRAIL, AZURE]}, ["aws-cloudtrail", "azure-log"]),
    ],
)
def test_each_document_in_an_envelope_has_its_own_mapping(envelope: dict[str, Any], names: list[str]) -> None:
    assert mappings_of(envelope) == names


def test_the_fields_of_a_line_that_no_mapping_is_for_become_a_generic_event_with_the_others_beside() -> None:
    line = "2026-03-04T05:06:07Z fw1 wall: src=203.0.113.7 dst=10.0.0.1 act=drop"
    (event,) = map_document({"message": line, "site": "a"}, shipped(), generic=True)
    assert isinstance(event, MappedDocument)
    assert event.document["src"] == "203.0.113.7"
    assert event.document["outer"] == {"site": "a"}
    # Words alone stay where they are.
    words = {"message": "some words", "site": "a"}
    (event,) = map_document(words, shipped(), generic=True)
    assert isinstance(event, MappedDocument)
    assert event.document == words


def test_a_document_in_an_envelope_is_kept_as_it_was_sent() -> None:
    (event,) = map_document({"records": [TRAIL]}, shipped())
    assert isinstance(event, MappedDocument)
    assert event.document == TRAIL


def test_one_of_several_that_no_mapping_is_for_costs_not_the_others() -> None:
    good, refused = map_document({"records": [TRAIL, ODD]}, shipped())
    assert isinstance(good, MappedDocument)
    assert isinstance(refused, NoMapping)
    assert mappings_of({"records": [TRAIL, ODD]}, generic=True) == ["aws-cloudtrail", "generic"]


@pytest.mark.parametrize(
    "document", [ODD, {"records": [ODD]}, {"records": []}, {"value": [TRAIL, 1]}, {"data": 7}]
)
def test_what_holds_no_document_with_a_mapping_is_no_envelope(document: dict[str, Any]) -> None:
    with pytest.raises(NoMapping):
        map_document(document, shipped())
    assert mappings_of(document, generic=True) == ["generic"]


def test_an_envelope_of_too_many_documents_is_refused() -> None:
    with pytest.raises(InputError, match="send them in parts"):
        map_document({"records": [TRAIL] * (MOST_EVENTS + 1)}, shipped())


@given(
    st.dictionaries(st.sampled_from(["records", "value", "data", "event", "Message"]), st.text() | st.none())
)
def test_whatever_stands_in_its_place_it_is_an_event(document: dict[str, Any]) -> None:
    assert mappings_of(document, generic=True) == ["generic"]
