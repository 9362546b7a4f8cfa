"""A document in a form of its own becomes a job that keeps it as it was sent, and says by which mapping it is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.mappings import ALARM, DOCUMENT, RECORDS
from workers.core.errors import ConfigError, NeedsNewerWorker
from workers.core.jobs import Job
from workers.ledger.spool import decode, encode
from workers.mappings import expressions
from workers.mappings.folder import MappingFolder
from workers.payload.grouping import GroupKey, grouping_of
from workers.payload.intake import Intake, RejectedPayload, accepted_only
from workers.payload.options import DialectOptions
from workers.payload.planning import plan_arguments
from workers.settings.model import Settings

#: An expression that looks at each element of a list for each of each.
DEEP = "map(&map(&map(&to_string(@), $document.l), $document.l), $document.l)"

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(
    own_mappings: str, document: Any, *, generic: bool = False, **options: str
) -> list[Job | RejectedPayload]:
    intake = Intake("http", 100_000, mappings=MappingFolder(own_mappings), generic=generic)
    return intake.jobs(json.dumps(document).encode(), **options)


def job_of(own_mappings: str, document: Any, **options: str) -> Job:
    (job,) = read(own_mappings, document, **options)
    assert isinstance(job, Job), job
    return job


def refusal_of(own_mappings: str, document: Any, **options: str) -> RejectedPayload:
    (refused,) = read(own_mappings, document, **options)
    assert isinstance(refused, RejectedPayload)
    return refused


def test_a_job_keeps_the_document_and_the_name_and_version_of_its_mapping(own_mappings: str) -> None:
    job = job_of(own_mappings, DOCUMENT)
    assert job.arguments == {"payload": DOCUMENT, "mapping": {"name": "acme-alarm", "version": 2}}
    assert (job.title, job.sender) == ("Beacon", "ACME alarm")


def test_a_mapping_that_takes_too_long_keeps_no_other_document_of_a_message_waiting(
    own_mappings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a mapping that takes too long, in a message with those of another mapping
    monkeypatch.setattr(expressions, "BUDGET_S", 0.01)
    slow = (
        ALARM.replace("acme-alarm", "slow")
        .replace("ACME", "SLOW")
        .replace("Rule: alarm.rule", f"Rule: {DEEP}")
    )
    Path(own_mappings, "slow.yaml").write_text(slow)
    bad = [{"vendor": "SLOW", "alarm": {"name": str(number)}, "l": list(range(150))} for number in range(9)]
    # When it is read
    results = read(own_mappings, [*bad, DOCUMENT])
    # Then the others are jobs, two of its own were tried, and each says why it is none
    reasons = [result.detail for result in results if isinstance(result, RejectedPayload)]
    assert [isinstance(result, Job) for result in results] == [False] * 9 + [True]
    assert ["take more than" in reason for reason in reasons] == [True] * 2 + [False] * 7
    assert reasons[-1].startswith("mapping slow was not tried: it took too long on 2 other documents")
    # And the next message is tried anew
    assert "take more than" in refusal_of(own_mappings, bad[0]).detail


def test_a_match_that_takes_too_long_is_named_and_tried_on_two_documents_of_a_message(
    own_mappings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "BUDGET_S", 0.01)
    slow = ALARM.replace("acme-alarm", "a-slow").replace("'ACME'", f"'ACME' && {DEEP}")
    Path(own_mappings, "a-slow.yaml").write_text(slow)
    bad = [{**DOCUMENT, "l": list(range(150)), "number": number} for number in range(4)]
    results = read(own_mappings, [*bad, RECORDS])
    # then the line is named, and a document of another mapping is a job
    reasons = [result.detail for result in results if isinstance(result, RejectedPayload)]
    assert [f"mapping a-slow: {own_mappings}/a-slow.yaml:4: match: " in reason for reason in reasons[:2]] == [
        True
    ] * 2
    assert all(reason.startswith("mapping a-slow was not tried") for reason in reasons[2:4])
    assert any(isinstance(result, Job) for result in results)


def test_a_worker_makes_of_it_what_the_mapping_says(own_mappings: str) -> None:
    options = DialectOptions(mappings_dir=own_mappings)
    plan = plan_arguments(job_of(own_mappings, DOCUMENT).arguments, received_at=NOW, options=options)
    assert (plan.title, plan.type, plan.source) == ("Beacon", "ACME Alarm", "ACME alarm")
    assert [indicator.value for indicator in plan.indicators] == ["1.2.3.4"]
    assert plan.assets == ("dc01",)


@pytest.mark.parametrize("version", [3, 2])
def test_a_worker_without_the_mapping_or_with_an_older_one_leaves_the_job_to_others(
    own_mappings: str, version: int
) -> None:
    # given a worker that has no mappings of its own, or version 2
    options = DialectOptions(mappings_dir=own_mappings if version == 3 else "")
    arguments = {"payload": DOCUMENT, "mapping": {"name": "acme-alarm", "version": version}}
    with pytest.raises(
        NeedsNewerWorker, match=f"version {version} of the mapping acme-alarm; put its file into"
    ):
        plan_arguments(arguments, received_at=NOW, options=options)


def test_the_same_document_is_the_same_job_whatever_version_its_mapping_has(
    own_mappings: str, tmp_path: Path
) -> None:
    # given a job, and its mapping corrected since
    job = job_of(own_mappings, DOCUMENT)
    (tmp_path / "mappings" / "acme-alarm.yaml").write_text(ALARM.replace("version: 2", "version: 3"))
    # when it is sent again
    again = job_of(own_mappings, DOCUMENT)
    # then it is known
    assert again.arguments["mapping"]["version"] == 3
    assert (again.id, again.digest) == (job.id, job.digest)


def test_a_spooled_job_is_the_same_job(own_mappings: str) -> None:
    job = job_of(own_mappings, DOCUMENT, key="k")
    again = decode(encode(job))
    assert (again.id, again.digest, again.body) == (job.id, job.digest, job.body)


def test_a_mapping_may_be_named(own_mappings: str) -> None:
    job = job_of(own_mappings, {"alarm": {"name": "x"}}, mapping="acme-alarm")
    assert job.arguments["mapping"]["name"] == "acme-alarm"
    assert "there is no 'acme'; the nearest are " in refusal_of(own_mappings, DOCUMENT, mapping="acme").detail


def test_each_event_of_a_document_is_a_job_and_a_faulty_one_costs_no_other(own_mappings: str) -> None:
    first, second, refused = read(own_mappings, RECORDS, key="k")
    assert isinstance(first, Job)
    assert isinstance(second, Job)
    assert [first.title, second.title, first.key, second.key] == ["a", "b", "k#0", "k#1"]
    assert isinstance(refused, RejectedPayload)
    assert refused.detail.endswith("fields.event_name: `name` gives nothing for this document")
    # What is kept can be read again once the mapping is corrected; the good ones are known then.
    assert json.loads(refused.raw) == RECORDS


def test_what_no_mapping_is_for_is_refused_with_the_nearest_ones(own_mappings: str) -> None:
    refused = refusal_of(own_mappings, {"vendor": "ACME", "x": 1})
    assert (refused.code, refused.field) == ("no_mapping", "event_name")
    assert "the nearest are acme-alarm (has no alarm), " in refused.detail


def test_what_no_mapping_is_for_becomes_a_generic_event_where_that_is_set(own_mappings: str) -> None:
    (job,) = read(own_mappings, {"vendor": "Other", "title": "Odd"}, generic=True)
    assert isinstance(job, Job)
    assert (job.title, job.arguments["mapping"]["name"]) == ("Odd", "generic")


def test_a_payload_of_the_dialect_needs_no_mapping_and_no_folder() -> None:
    payload = {"event_name": "a", "event_type": "Sighting", "event_happened_at": 1633460462}
    assert job_of("/nowhere", payload).arguments == {"payload": payload}
    # One that lacks its name is told so, and gets none either.
    assert refusal_of("/nowhere", {"uri_source": "1.2.3.4"}).code == "invalid_event"


def test_a_document_in_a_cloud_event_gets_its_mapping(own_mappings: str) -> None:
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "time": "2021-10-05T19:01:02Z"}
    job = job_of(own_mappings, {**envelope, "data": {"vendor": "ACME", "alarm": {"name": "x"}}})
    plan = plan_arguments(job.arguments, received_at=NOW, options=DialectOptions(mappings_dir=own_mappings))
    assert (plan.title, plan.happened_at) == ("x", "2021-10-05 19:01:02")
    first, second, _ = read(own_mappings, {**envelope, "data": RECORDS})
    assert isinstance(first, Job)
    assert isinstance(second, Job)
    assert second.key == f"{first.key}#2"


CEF = """\
name: acme-cef
version: 1
match: cef(line)
let: {fields: cef(line)}
fields: {event_name: $fields.name, event_type: $fields.vendor, sources: [$fields.extension.src]}
"""


def test_lines_of_cef_are_documents_and_another_line_among_them_is_refused(tmp_path: Path) -> None:
    # given lines of a log, one of which is none
    (tmp_path / "acme-cef.yaml").write_text(CEF)
    line = "<134>Oct  5 host CEF:0|Acme|Wall|1|42|Blocked|7|src=1.2.3.4"
    lines = f"{line}\n\nnonsense\n{line}{'x' * 1_000}"
    # when they are read
    job, *refused = Intake("http", 1_000, mappings=MappingFolder(str(tmp_path))).jobs(lines.encode())
    # then each is what it is
    assert isinstance(job, Job)
    assert (job.title, job.arguments["payload"]) == ("Blocked", {"line": line})
    assert [getattr(result, "code", "") for result in refused] == ["not_json", "too_large"]


def test_a_value_that_was_broken_belongs_to_its_line_of_cef(tmp_path: Path) -> None:
    # given a line whose value holds the end of a line, and fields behind it
    (tmp_path / "acme-cef.yaml").write_text(CEF)
    line = "CEF:0|Acme|Wall|1|42|Blocked|7|suser=OU\\=a,DC\n\\=b/Mia Ott src=1.2.3.4"
    # when it is read before another one
    jobs = accepted_only(
        Intake("http", 1_000, mappings=MappingFolder(str(tmp_path))).jobs(f"{line}\n{line}".encode())
    )
    # then each is one document
    assert [job.arguments["payload"] for job in jobs] == [{"line": line.replace("\n", " ")}] * 2


def test_firings_are_one_event_by_what_the_mapping_says_that_they_share(own_mappings: str) -> None:
    def group(by: str, **alarm: str) -> GroupKey | None:
        job = job_of(
            own_mappings,
            {"vendor": "ACME", "alarm": {"name": "x", "rule": "R", "source": "1.2.3.4", **alarm}},
        )
        arguments = job.arguments
        plan = plan_arguments(arguments, received_at=NOW, options=DialectOptions(mappings_dir=own_mappings))
        return grouping_of(Settings(group_by=f"ACME alarm={by}")).group_of(arguments["payload"], plan)

    # The rule and the source, as the mapping says; or what the setting names, in the document or of the event.
    assert group("mapping") == group("mapping", name="y")
    assert group("mapping") != group("mapping", source="1.2.3.5")
    assert group("event_name") != group("event_name", name="y")
    assert group("alarm.rule") == group("alarm.rule", name="y", source="1.2.3.5")


def test_whatever_goes_wrong_with_the_folder_names_the_setting(own_mappings: str) -> None:
    with pytest.raises(ConfigError, match="TQ_MAPPINGS_DIR"):
        read("/nowhere", DOCUMENT)
