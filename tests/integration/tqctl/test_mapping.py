"""`tqctl mapping`: what a person sees who writes a mapping, and what goes wrong on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.mappings import ALARM, DOCUMENT, RECORDS
from tests.support.operator import Operator
from workers.mappings.schema import mapping_schema

pytestmark = pytest.mark.integration


@pytest.fixture
def author(operator: Operator, own_mappings: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator whose folder of mappings is set."""
    monkeypatch.setenv("TQ_MAPPINGS_DIR", own_mappings)
    return operator


@pytest.fixture
def documents(tmp_path: Path) -> str:
    """A file with a document that has a mapping, one that has none, and a line that is no JSON."""
    file = tmp_path / "documents.jsonl"
    file.write_text(f'{json.dumps(DOCUMENT)}\n{{"vendor": "ACME"}}\n{{"broken\n')
    return str(file)


def test_the_list_names_own_and_shipped_mappings_and_those_that_are_faulty(
    author: Operator, own_mappings: str
) -> None:
    rows = {row["name"]: row for row in author.asks("mapping", "list")}
    assert (rows["acme-alarm"]["version"], rows["acme-alarm"]["from"]) == (2, "own")
    assert rows["aws-cloudtrail"]["from"] == "shipped"
    (Path(own_mappings) / "bad.yaml").write_text("name: bad\n")


def test_a_test_shows_what_each_document_becomes_and_why_others_do_not(
    author: Operator, documents: str
) -> None:
    answer = author.types("mapping", "test", documents)
    assert answer.code == 1
    assert (
        "1  acme-alarm, version 2\n   Beacon (ACME Alarm, 2021-10-05 19:01:02 UTC, from ACME alarm)"
        in answer.out
    )
    assert "IP Address: 1.2.3.4" in answer.out
    assert "2  refused: no mapping is for it; the nearest are acme-alarm (has no alarm)" in answer.out
    assert "3  refused: not JSON" in answer.out


@pytest.mark.parametrize("action", ["test", "explain", "coverage"])
@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("acme-alram", "mapping: there is no 'acme-alram'; the nearest are acme-alarm"),
        ("nowhere.yaml", "nowhere.yaml cannot be read: No such file or directory"),
        ("./wall.yml", "./wall.yml is no mapping; the name of its file ends in .yaml"),
        ("bad.yaml", "bad.yaml:1: version is missing"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_a_fault_of_the_command_and_of_no_document(
    author: Operator, documents: str, tmp_path: Path, action: str, mapping: str, reason: str
) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    name = str(tmp_path / mapping) if mapping == "bad.yaml" else mapping
    answer = author.types("mapping", action, documents, "--mapping", name)
    assert (answer.code, answer.out) == (2, "")
    assert reason in answer.err


def test_a_draft_gets_no_name_that_no_mapping_can_have(author: Operator, documents: str) -> None:
    answer = author.types("mapping", "learn", documents, "--name", "Our Wall")
    assert answer.code == 2
    assert "--name: 'Our Wall' is no name; small letters, digits and dashes" in answer.err


def test_the_schema_of_a_mapping_file_can_be_had_without_the_documentation(author: Operator) -> None:
    assert json.loads(author.types("mapping", "schema").out) == mapping_schema()


def test_a_file_that_is_not_in_the_folder_yet_can_be_tried(
    author: Operator, tmp_path: Path, documents: str
) -> None:
    draft = tmp_path / "acme-alarm.yaml"
    draft.write_text(ALARM.replace("event_name: alarm.name", "event_name: template('New {}', alarm.name)"))
    first = author.types("--json", "mapping", "test", documents, "--mapping", str(draft)).json[0]
    assert first["plan"]["title"] == "New Beacon"
    draft.write_text(ALARM.replace("alarm.name", "alarm name"))
    answer = author.types("mapping", "test", documents, "--mapping", str(draft))
    assert (
        answer.code,
        "acme-alarm.yaml:6: fields.event_name: `alarm name` is no JMESPath" in answer.err,
    ) == (2, True)


def test_each_event_of_a_document_is_tried(author: Operator, tmp_path: Path) -> None:
    file = tmp_path / "records.json"
    file.write_text(json.dumps(RECORDS))
    tried = author.types("--json", "mapping", "test", str(file)).json
    assert [each.get("plan", {}).get("title", "") for each in tried] == ["a", "", "b"]


def test_an_explanation_says_which_rule_gave_which_value(author: Operator, documents: str) -> None:
    value = author.asks("mapping", "explain", documents)
    assert {"field": "event_name", "expression": "alarm.name", "value": "Beacon"}.items() <= value["rules"][
        0
    ].items()
    assert value["left_out"] == {"vendor": "ACME"}
    words = author.types("mapping", "explain", documents)
    assert (words.code, "left out" in words.out) == (0, True)


def test_coverage_counts_and_names_what_has_no_mapping(author: Operator, documents: str) -> None:
    answer = author.types("--json", "mapping", "coverage", documents)
    assert answer.code == 1
    assert (answer.json["total"], answer.json["mappings"]) == (3, {"acme-alarm": 1})
    assert [item["position"] for item in answer.json["unmatched"]] == [2, 3]
    assert "2 of 3 documents have no mapping" in author.types("mapping", "coverage", documents).out


def test_coverage_counts_a_document_with_names_of_the_dialect_by_chance_as_its_own_format(
    author: Operator, own_mappings: str, tmp_path: Path
) -> None:
    # given a mapping of documents that have an event_type too, and one of the dialect
    own = ALARM.replace("acme-alarm", "push").replace("vendor == 'ACME' && alarm", "pushed")
    (Path(own_mappings) / "push.yaml").write_text(own)
    foreign = {"event_type": "login", "pushed": 1, "alarm": {"name": "a"}, "ip": "1.2.3.4", "at": 1}
    file = tmp_path / "mixed.json"
    file.write_text(json.dumps([foreign, {"event_name": "a", "event_type": "b"}]))
    assert author.asks("mapping", "coverage", str(file))["mappings"] == {"push": 1, "the guide's dialect": 1}
    # and the one of the dialect is told to be such where its mapping is asked for
    assert "2  refused: is in the guide's dialect" in author.types("mapping", "test", str(file)).out


def test_a_mapping_that_cannot_be_used_is_told_once_in_plain_words(
    author: Operator, own_mappings: str, documents: str
) -> None:
    (Path(own_mappings) / "broken.yaml").write_text("name: broken\nversion: 1\nmatch: a ==\nfields: {}\n")
    answer = author.types("mapping", "test", documents)
    told = f"warning: mapping broken cannot be used, no document becomes an event by it: {own_mappings}/broken.yaml:3: "
    assert (answer.err.count("broken.yaml"), answer.err.startswith(told)) == (1, True)
    # and a typo finds it
    assert "the nearest are broken" in author.types("mapping", "test", documents, "--mapping", "brokn").err


def test_too_many_indicators_are_told_with_the_line_and_the_expression(
    author: Operator, own_mappings: str, tmp_path: Path
) -> None:
    file = tmp_path / "many.json"
    file.write_text(json.dumps({**DOCUMENT, "alarm": {**DOCUMENT["alarm"], "more": ["a"] * 10_000}}))
    reason = author.types("--json", "mapping", "test", str(file)).json[0]["fault"]
    line = (
        f"{own_mappings}/acme-alarm.yaml:19: fields.sources[1]: `alarm.more` gives more than 1000 indicators"
    )
    assert reason.startswith(f"mapping acme-alarm: {line}")


def test_a_draft_names_the_documents_that_it_could_not_read(author: Operator, documents: str) -> None:
    answer = author.types("mapping", "learn", documents)
    assert (answer.code, "warning: 1 of 3 documents were left out; document 3: not JSON" in answer.err) == (
        0,
        True,
    )


def test_a_draft_can_be_tried_at_once(author: Operator, tmp_path: Path) -> None:
    samples = tmp_path / "samples.json"
    samples.write_text(
        json.dumps([{"tool": "Wall", "title": "Blocked", "ts": 1633460462 + n} for n in range(2)])
    )
    draft = tmp_path / "wall.yaml"
    draft.write_text(author.types("mapping", "learn", str(samples), "--name", "wall").out)
    assert "title (Alert" not in author.types("mapping", "test", str(samples), "--mapping", str(draft)).err
    assert author.types("mapping", "test", str(samples), "--mapping", str(draft)).code == 0


@pytest.mark.parametrize("action", ["test", "explain", "coverage", "learn"])
def test_a_file_that_is_not_there_and_one_without_documents_are_told(
    author: Operator, tmp_path: Path, action: str
) -> None:
    answer = author.types("mapping", action, str(tmp_path / "nowhere.json"))
    assert (answer.code, "cannot be read" in answer.err) == (2, True)
    (tmp_path / "empty.json").write_text("")
    answer = author.types("mapping", action, str(tmp_path / "empty.json"))
    assert answer.code != 0
    assert "Traceback" not in answer.err


def test_each_document_in_an_envelope_is_tried(author: Operator, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps({"records": [DOCUMENT, DOCUMENT]}))
    assert author.types("mapping", "coverage", str(file)).code == 0
    tried = author.asks("mapping", "test", str(file))
    assert [each["mapping"] for each in tried] == ["acme-alarm, version 2"] * 2


def test_the_check_names_an_own_mapping_that_cannot_be_used(
    configured: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mappings(code: int) -> dict[str, str]:
        answer = configured.types("--json", "check", "--only", "here")
        assert answer.code == code, answer
        return next(line for line in answer.json if line["what"] == "mappings")

    own = tmp_path / "own-mappings"
    monkeypatch.setenv("TQ_MAPPINGS_DIR", str(own))
    assert mappings(2)["remedy"].startswith("create the folder")
    own.mkdir()
    assert mappings(0)["state"] == "ok"
    (own / "acme.yaml").write_text("name: acme\nversion: one\n")
    line = mappings(2)
    assert f"{own}/acme.yaml" in line["found"]
    assert "no document becomes an event by acme" in line["remedy"]
