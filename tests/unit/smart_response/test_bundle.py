"""The SmartResponse plugin, read back as LogRhythm's console would."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path

import pytest
from lxml import etree

from producers.smart_response.bundle import ScriptsFolder, actions_xml, package, source
from producers.smart_response.identity import GUID
from tests.conftest import FIXTURES
from tests.support.srp import Plugin, read_plugin
from tqctl.main import main

WINDOWS = ScriptsFolder(r"C:\Python36\Scripts")

#: The guide's names of the actions and their executables.
GUIDE = {
    "ThreatQ Whitelist IOC": "tq-whitelist-ioc.exe",
    "ThreatQ Add Sighting": "tq-sighting.exe",
    "ThreatQ Mark True Positive": "tq-mark-true-positive.exe",
    "ThreatQ Mark False Positive": "tq-mark-false-positive.exe",
    "ThreatQ Lookup IOC": "tq-lookup.exe",
    "ThreatQ Add IOC": "tq-add-ioc.exe",
}


def plugin(target: ScriptsFolder = WINDOWS) -> Plugin:
    return read_plugin(package(source(target)))


@pytest.mark.parametrize(
    "target", [WINDOWS, ScriptsFolder("/opt/tq & co/bin", version=7, time_zone="Eastern Standard Time")]
)
def test_the_definition_is_valid(target: ScriptsFolder) -> None:
    schema = etree.XMLSchema(etree.parse(FIXTURES / "RemediationVersion1.xsd"))
    assert schema.validate(etree.fromstring(actions_xml(target))), schema.error_log


def test_the_actions_have_the_guides_names_and_run_its_executables() -> None:
    found = {action.name: action.command for action in plugin().actions}
    assert found == {name: rf"C:\Python36\Scripts\{exe}" for name, exe in GUIDE.items()}


def test_every_field_of_a_sighting_is_filled_from_the_alarm() -> None:
    (action,) = [each for each in plugin().actions if each.name == "ThreatQ Add Sighting"]
    fields = ["SIP", "DIP", "DHostName", "SHostName", "Recipient", "Sender", "URL", "Object"]
    assert [(parameter.switch, parameter.field) for parameter in action.parameters] == [
        ("", "AlarmId"),
        ("", "AlarmRuleName"),
        ("", "AlarmDate"),
        *((f"-{field} ", field) for field in fields),
    ]
    assert action.parameters[2].date_format == "yyyy-MM-dd HH:mm:ss"


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("C:\\Python36\\Scripts\\", r"C:\Python36\Scripts\tq-lookup.exe"),
        (r"C:\Program Files\Python\Scripts", r"C:\Program Files\Python\Scripts\tq-lookup.exe"),
        ("/opt/tq/bin/", "/opt/tq/bin/tq-lookup"),
        ("", "tq-lookup.exe"),
    ],
)
def test_the_commands_lie_in_the_folder_that_was_named(folder: str, command: str) -> None:
    assert ScriptsFolder(folder).command("tq-lookup") == command


def test_the_file_is_laid_out_as_the_console_writes_it() -> None:
    data = package(source(WINDOWS))
    # A gzip with the inner file's name, of a system that is Windows
    assert data[:4] == b"\x1f\x8b\x08\x08"
    assert data[9] == 11
    assert data[10 : data.index(b"\0", 10)] == f"ARPlugin_{GUID}_20260101.tar".encode()
    # Around a ustar archive that belongs to no user
    inner = gzip.decompress(data)
    assert inner[257:263] == b"ustar\0"
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        entries = archive.getmembers()
        kept = archive.extractfile("Plugin/config/actions.xml")
        given = archive.extractfile("Plugin/bin/actions.xml")
        assert kept is not None
        assert given is not None
        assert kept.read() == b"\xef\xbb\xbf" + given.read()
    assert [entry.name for entry in entries if entry.isdir()] == ["Plugin", "Plugin/bin", "Plugin/config"]
    assert {(entry.mode, entry.uid, entry.gid) for entry in entries} == {(0o644, 0, 0)}
    assert "Plugin/bin/README.txt" in {entry.name for entry in entries}


def test_the_same_input_makes_the_same_bytes(tmp_path: Path) -> None:
    argv = ["srp-bundle", "--scripts-dir", r"C:\Python36\Scripts", "--out"]
    for name in ("a", "b"):
        assert main([*argv, str(tmp_path / name / "ThreatQ.lpi")]) == 0
    one, two = ((tmp_path / name / "ThreatQ.lpi").read_bytes() for name in ("a", "b"))
    assert zlib.crc32(one) == zlib.crc32(two)
    assert one == two


def test_the_folder_to_create_from_holds_the_same(tmp_path: Path) -> None:
    assert main(["srp-bundle", "--scripts-dir", "C:\\x", "--out", str(tmp_path / "ThreatQ.lpi")]) == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "ThreatQ").iterdir()} == source(
        ScriptsFolder("C:\\x")
    )


def test_an_odd_name_and_an_unwritable_place_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for out in ("ThreatQ.zip", "file/ThreatQ.lpi"):
        assert main(["srp-bundle", "--scripts-dir", "C:\\x", "--out", str(tmp_path / out)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_an_unknown_subcommand_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["srp-bundel"])
    assert "srp-bundle" in capsys.readouterr().err
