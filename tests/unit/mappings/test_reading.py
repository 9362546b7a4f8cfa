"""A mapping file that cannot be used is refused with its line; it costs no other."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.mappings import ALARM
from workers.core.errors import ConfigError, InputError
from workers.mappings import folder as folder_module
from workers.mappings.expressions import MappingFault
from workers.mappings.folder import MappingFolder, shipped
from workers.mappings.functions import FUNCTIONS
from workers.mappings.reading import read_mapping


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("version: 2", "version: soon", "m.yaml:2: version must be a whole number from 1"),
        ("version: 2", "version: 0", "m.yaml:2: version must be a whole number from 1"),
        ("version: 2\n", "", "m.yaml:1: version is missing"),
        ("name: acme-alarm", "name: other", "m.yaml:1: name is 'other', but the file is 'acme-alarm'"),
        ("alarm.kind,", "alarm.kind],", "m.yaml:7: fields.event_type: `coalesce(alarm.kind]"),
        ("  identity:", "  identities:", "m.yaml:14: fields.identities is not known; there are event_name"),
        ("  event_name: alarm.name\n", "", "m.yaml:6: fields event_name is missing"),
        (
            "    Tags: alarm.tags",
            "    Rule: alarm.tags",
            "m.yaml:13: fields.attributes.Rule stands there twice",
        ),
        ("  severity: alarm.severity", "  severity: [", "is no YAML"),
        ("  severity: alarm.severity", "  severity: {a: b}", "m.yaml:9: fields.severity must be a text"),
        (
            "  severity: alarm.severity",
            "  severity: $x",
            "m.yaml:9: fields.severity: `$x`: no `let` above gives $x",
        ),
        ("fields:", "keep: {a: b}\nfields:", "m.yaml:5: keep goes with `each` alone"),
        ("fields:", "let: {1-2: b}\nfields:", "m.yaml:5: let.1-2 is no name"),
    ],
)
def test_a_fault_names_file_line_field_and_reason(old: str, new: str, reason: str) -> None:
    with pytest.raises(MappingFault) as caught:
        read_mapping(ALARM.replace(old, new), "m.yaml", FUNCTIONS, name="acme-alarm")
    assert reason in str(caught.value)


@given(st.text(max_size=200) | st.text("{}[]:-'\"`$&*|>!%\n ab", max_size=60))
def test_any_text_is_a_mapping_or_a_fault(text: str) -> None:
    for whole in (text, ALARM + text):
        with contextlib.suppress(MappingFault):
            assert read_mapping(whole, "m.yaml", FUNCTIONS, name="acme-alarm").fields.event_name


def test_every_shipped_mapping_can_be_used() -> None:
    assert {mapping.name for mapping in shipped()} >= {"generic"}


def test_the_users_own_mapping_comes_before_the_shipped_one_and_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a folder that is looked at each time
    monkeypatch.setattr(folder_module, "LOOK_EVERY_S", 0.0)
    own = tmp_path / "generic.yaml"
    text = ALARM.replace("name: acme-alarm", "name: generic")
    own.write_text(text)
    folder = MappingFolder(str(tmp_path))
    assert folder.current().named("generic").version == 2
    # when it is corrected
    own.write_text(text.replace("version: 2", "version: 33"))
    # then the new one counts
    assert folder.current().named("generic").version == 33


def test_a_faulty_file_costs_no_other_mapping(tmp_path: Path) -> None:
    (tmp_path / "acme-alarm.yaml").write_text(ALARM)
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    mappings = MappingFolder(str(tmp_path)).current()
    assert mappings.named("acme-alarm").version == 2
    with pytest.raises(InputError, match=r"bad cannot be used: .*bad.yaml:1: version is missing"):
        mappings.named("bad")


def test_a_folder_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mappings_dir"):
        MappingFolder(os.fspath(tmp_path / "nowhere")).current()


def test_a_folder_that_goes_away_while_a_process_runs_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "LOOK_EVERY_S", 0.0)
    own = tmp_path / "own"
    own.mkdir()
    (own / "acme-alarm.yaml").write_text(ALARM)
    folder = MappingFolder(str(own))
    assert folder.current().get("acme-alarm")
    own.rename(tmp_path / "elsewhere")
    assert folder.current().get("acme-alarm")
