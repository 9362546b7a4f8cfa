"""What every producer makes of bytes: jobs and refusals."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.unit.payload.test_json_text import values
from workers.core.errors import InputError
from workers.core.jobs import Job
from workers.mappings.folder import mapping_folder
from workers.payload.builder import plan_event
from workers.payload.intake import Intake, RejectedPayload, accepted_only, refused_only
from workers.payload.options import DialectOptions

INTAKE = Intake("http", 1_000_000)

GOOD = {"event_name": "a name", "event_type": "Sighting", "event_happened_at": "2021-10-05T19:01:02Z"}
ENVELOPE = {"specversion": "1.0", "id": "7", "source": "/siem", "type": "detection"}


def jobs(*bodies: Any, key: str = "") -> list[Job | RejectedPayload]:
    return INTAKE.jobs("\n".join(json.dumps(body) for body in bodies).encode(), key=key)


def job(body: Any, key: str = "") -> Job:
    (found,) = jobs(body, key=key)
    assert isinstance(found, Job)
    return found


def test_the_same_payload_is_the_same_job_however_it_is_written() -> None:
    ids = {INTAKE.jobs(text)[0].id for text in (
        json.dumps(GOOD).encode(),
        json.dumps(GOOD, indent=2).encode(),
        json.dumps(dict(reversed(GOOD.items()))).encode(),
        json.dumps([GOOD]).encode("utf-16"),
    )}  # fmt: skip
    assert ids == {Job("events.create", {"payload": GOOD}, producer="cli").id}


def test_a_bad_piece_costs_no_good_one_and_says_which_field() -> None:
    found = jobs(GOOD, {"event_name": "x"}, {**GOOD, "event_happened_at": "yesterday"}, 5)
    assert [refusal.position for refusal in refused_only(found)] == [2, 3, 4]
    assert [refusal.field for refusal in refused_only(found)] == ["event_type", "event_happened_at", ""]
    assert [refusal.code for refusal in refused_only(found)] == [
        "invalid_event",
        "invalid_event",
        "not_an_object",
    ]
    assert len(accepted_only(found)) == 1


def test_a_key_names_the_whole_and_of_several_pieces_each_by_its_place() -> None:
    assert job(GOOD, key="k").key == "k"
    assert [accepted.key for accepted in accepted_only(jobs(GOOD, {**GOOD, "identity": "x"}, key="k"))] == [
        "k#0",
        "k#1",
    ]


def test_a_missing_time_is_taken_with_a_warning_that_makes_it_no_other_job() -> None:
    body = {"event_name": "a", "event_type": "b"}
    found = job(body)
    assert "time of receipt" in found.warnings[0]
    assert found.id == Job("events.create", {"payload": body}, producer="cli").id


class TestCloudEvents:
    def test_the_envelope_comes_off_and_its_name_is_the_key(self) -> None:
        one, other = job({**ENVELOPE, "data": GOOD}), job({**ENVELOPE, "data": GOOD | {"identity": "x"}})
        assert one.arguments == {"payload": GOOD}
        assert one.id == job(GOOD).id
        assert one.key == other.key
        assert one.key != job({**ENVELOPE, "id": "8", "data": GOOD}).key

    def test_the_senders_own_key_goes_first(self) -> None:
        assert job({**ENVELOPE, "data": GOOD}, key="mine").key == "mine"

    def test_data_may_be_json_in_a_text_or_in_base64(self) -> None:
        text = json.dumps(GOOD)
        encoded = base64.b64encode(text.encode()).decode()
        assert job({**ENVELOPE, "data": text}).id == job({**ENVELOPE, "data_base64": encoded}).id

    def test_its_time_stands_in_for_a_missing_one(self) -> None:
        found = job(
            {**ENVELOPE, "time": "2021-10-05T19:01:02Z", "data": {"event_name": "a", "event_type": "b"}}
        )
        assert found.arguments["payload"]["event_happened_at"] == "2021-10-05T19:01:02Z"
        assert found.warnings == []

    def test_one_without_a_payload_is_refused(self) -> None:
        for envelope in (ENVELOPE, {**ENVELOPE, "data": "text"}, {**ENVELOPE, "data_base64": "%"}):
            (refused,) = jobs(envelope)
            assert isinstance(refused, RejectedPayload)
            assert refused.field.startswith("data")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ('{"event_name": "a", "event_type": "b", "x": NaN}', "NaN is no JSON number"),
            ('{"event_name": "a", "event_type": "b", "x": %s}' % ("[" * 65 + "]" * 65), "nested deeper"),
            ('{"event_name": "a"} {"event_name": "b"}', "more than one payload"),
            ("[]", "the array is empty"),
        ],
    )
    def test_data_in_a_text_is_read_as_carefully_as_a_payload(self, text: str, reason: str) -> None:
        encoded = base64.b64encode(text.encode()).decode()
        for envelope in ({**ENVELOPE, "data": text}, {**ENVELOPE, "data_base64": encoded}):
            (refused,) = jobs(envelope)
            assert isinstance(refused, RejectedPayload)
            assert reason in refused.detail
            assert refused.field.startswith("data")

    def test_odd_data_in_a_text_is_taken_with_the_same_warnings(self) -> None:
        odd = b'{"event_name": "caf\xe9\n", "event_type": "b", "event_happened_at": 1633460462, "x": 1e999}'
        plain, inside = INTAKE.jobs(odd)[0], job({**ENVELOPE, "data_base64": base64.b64encode(odd).decode()})
        assert isinstance(plain, Job)
        assert (inside.id, inside.warnings) == (plain.id, plain.warnings)
        assert len(inside.warnings) == 3

    def test_one_without_a_name_of_its_own_is_taken_and_says_so(self) -> None:
        for missing in ({"id": None}, {"source": ""}, {"id": 7}):
            found = job({**ENVELOPE, **missing, "data": GOOD})
            assert found.arguments == {"payload": GOOD}
            assert found.key == ""
            assert found.warnings[0].startswith("id or source: missing")


@given(
    body=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("event_name", "event_type", "event_happened_at", "other"), values)
    )
)
def test_a_producer_accepts_exactly_what_becomes_an_event(body: dict[str, Any]) -> None:
    (found,) = INTAKE.jobs(json.dumps(body).encode())
    try:
        plan_event(body, received_at=datetime.now(UTC), options=DialectOptions())
        reason = ""
    except InputError as error:
        reason = str(error)
    # A payload of which nothing is the dialect's is told which mappings come near, too.
    assert (found.detail if isinstance(found, RejectedPayload) else "").startswith(reason)
    assert isinstance(found, RejectedPayload) == bool(reason)


TYPES = ("Sighting", "Incident")


def typed(name: str) -> bytes:
    payload = {"event_name": "a", "event_type": name, "event_happened_at": 1633460462}
    return json.dumps(payload).encode()


@pytest.mark.parametrize("name", ["Sighting", "sighting", " Incident "])
def test_an_event_type_that_threatq_has_is_taken_without_a_word(name: str) -> None:
    (job,) = Intake("http", 10_000, event_types=TYPES).jobs(typed(name))
    assert isinstance(job, Job)
    assert job.warnings == []


def test_an_unknown_event_type_is_taken_with_a_warning_that_names_the_nearest() -> None:
    (job,) = Intake("http", 10_000, event_types=TYPES).jobs(typed("Sightng"))
    assert isinstance(job, Job)
    (warning,) = job.warnings
    assert "it is created" in warning
    assert 'did you mean "Sighting"?' in warning


def test_an_unknown_event_type_is_refused_where_the_setting_says_so() -> None:
    (part,) = Intake("http", 10_000, event_types=TYPES, creates_types=False).jobs(typed("Sightng"))
    assert isinstance(part, RejectedPayload)
    assert (part.code, part.field) == ("invalid_event", "event_type")
    assert 'did you mean "Sighting"?' in part.detail


def test_nothing_is_said_of_an_event_type_while_no_worker_has_told_which_there_are() -> None:
    (job,) = Intake("http", 10_000, creates_types=False).jobs(typed("Sightng"))
    assert isinstance(job, Job)
    assert job.warnings == []


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("<13>Mar  4 05:06:07 h prog: {\"rule_name\": \"Beacon\", \"time\": 1772600767}", "Beacon"),
        ('prog: {"rule_name": "Beacon"}', "Beacon"),
        ('id=fw time="2026-03-04 05:06:07" src=203.0.113.7 msg="Port scan"', "Port scan"),
        ("<13>Mar  4 05:06:07 h sshd[7]: Failed password for root", "Failed password for root"),
        # Fields of the dialect's names are another's here: the line is of a log.
        ("event_name=Beacon event_id=7 src=203.0.113.7", "Beacon"),
        # A collector took the mark of CEF for the program's name.
        ("0|Maker|Suite|1|17|Beacon|9|src=203.0.113.7", "Beacon"),
        ("1.0|Maker|Suite|1|17|src=203.0.113.7#011msg=Beacon", "Beacon"),
        # A sender wrote its fields below each other.
        ("CEF:0|Maker|Suite|1|17|\nBeacon|9|\nsrc=203.0.113.7\nmsg=of words", "Beacon"),
        ('[maker@1 id="7" msg="Beacon" src="203.0.113.7"]', "Beacon"),
    ],
)  # fmt: skip
def test_a_line_of_a_log_becomes_an_event_where_the_setting_asks_for_it(line: str, title: str) -> None:
    generic = structs.replace(INTAKE, mappings=mapping_folder(""), generic=True)
    (found,) = generic.jobs(f"{line}\n".encode())
    assert isinstance(found, Job)
    assert found.title == title


@pytest.mark.parametrize(
    "text",
    ['"CEF:0|Maker|Suite|1|17|Beacon|9|src=203.0.113.7"',
     ' ["CEF:0|Maker|Suite|1|17|Beacon|9|src=203.0.113.7", "CEF:0|Maker|Suite|1|17|Beacon|9|src=203.0.113.8"]'],
)  # fmt: skip
def test_lines_that_were_sent_as_json_texts_are_lines(text: str) -> None:
    jobs = structs.replace(INTAKE, mappings=mapping_folder("")).jobs(text.encode())
    assert [job.title for job in jobs if isinstance(job, Job)] == ["Beacon"] * text.count("CEF")


@pytest.mark.parametrize(
    "text", ["Beacon", "a=1", "<html a=1 b=2 c=3>", "[1", "[x]", '"Beacon"', '["Beacon"]']
)
def test_what_is_no_line_of_a_log_is_read_as_json(text: str) -> None:
    (found,) = INTAKE.jobs(text.encode())
    assert isinstance(found, RejectedPayload)
    assert found.code in ("not_json", "not_an_object")


FOREIGN = {
    "event_name": "Beacon",
    "event_type": "alert",
    "time": "2026-03-04T05:06:07Z",
    "src_ip": "203.0.113.7",
    "x": 1,
}


@pytest.mark.parametrize(
    ("payload", "mapping"),
    [
        (FOREIGN, "generic"),
        ({name: value for name, value in FOREIGN.items() if name != "event_type"}, "generic"),
        ({**FOREIGN, "rmxId": "1", "class": "THREAT", "sender": "eve@evil.example"}, "retarus"),
        # A value that the dialect alone has says that it is in the dialect, and so does its time.
        ({**FOREIGN, "uri_source": "IP Address:203.0.113.7"}, ""),
        ({**FOREIGN, "event_happened_at": "2026-03-04T05:06:07Z"}, ""),
        ({"event_name": "Beacon", "event_type": "alert", "note": "x"}, ""),
    ],
)
def test_another_format_may_have_the_names_of_the_dialect(payload: dict[str, Any], mapping: str) -> None:
    generic = structs.replace(INTAKE, mappings=mapping_folder(""), generic=True)
    (found,) = generic.jobs(json.dumps(payload).encode())
    assert isinstance(found, Job)
    assert found.arguments.get("mapping", {}).get("name", "") == mapping


def test_without_a_mapping_for_it_the_names_of_the_dialect_count() -> None:
    (found,) = structs.replace(INTAKE, mappings=mapping_folder("")).jobs(json.dumps(FOREIGN).encode())
    assert isinstance(found, Job)
    assert "mapping" not in found.arguments
