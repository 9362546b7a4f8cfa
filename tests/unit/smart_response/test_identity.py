"""A plugin that takes the place of an earlier one: its Guid, a higher version, its names of actions and fields."""

from __future__ import annotations

import gzip
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from lxml import etree

from producers.smart_response.bundle import ScriptsFolder, actions_xml, package, source
from producers.smart_response.identity import GUID, read_identity
from tests.conftest import FIXTURES
from tests.support.srp import read_plugin
from tqctl.main import main
from workers.core.errors import InputError

OLD_GUID = "0C1D2E3F-1111-4222-8333-ABCDEF012345"

#: A plugin as ThreatQuotient's may look: other names, folders as constants, a field that we do not take.
EARLIER = f"""<?xml version="1.0" encoding="utf-8"?>
<remv1:Remediation-Plugin xmlns:remv1="RemediationVersion1.xsd" Name="ThreatQ" Guid="{OLD_GUID}" Version="15"
    IsLogRhythmPlugin="false">
  <remv1:Action Name="ThreatQ Add Sighting" Command="C:\\Python36\\Scripts\\tq-sighting.exe">
    <remv1:StringParameter Name="The Alarm's ID" Switch="" Order="1" />
    <remv1:StringParameter Name="Alarm Date" Switch="" Order="3" />
    <remv1:StringParameter Name="Alarm Name" Switch="" Order="2" />
    <remv1:StringParameter Name="Dest. IP" Switch="-DIP" Order="4" />
    <remv1:StringParameter Name="Process" Switch="-Process " Order="5" />
    <remv1:ConstantParameter Name="Config" Switch="-c L:\\ThreatQ\\config" Order="6" />
  </remv1:Action>
  <remv1:Action Name="Look it up" Command="C:\\Python36\\Scripts\\tq-lookup.exe">
    <remv1:StringParameter Name="IOC Type" Switch="" Order="1" />
    <remv1:StringParameter Name="IOC" Switch="" Order="2" />
  </remv1:Action>
  <remv1:Action Name="Other" Command="other.exe" />
</remv1:Remediation-Plugin>
"""


@pytest.fixture(params=["lpi", "xml", "folder"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The earlier plugin in each form in which it may lie there."""
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "actions.xml").write_bytes(b"\xef\xbb\xbf" + EARLIER.encode())
    if request.param == "lpi":
        (tmp_path / "old.lpi").write_bytes(package({"actions.xml": EARLIER.encode()}, OLD_GUID))
    return {"lpi": tmp_path / "old.lpi", "xml": folder / "actions.xml", "folder": folder}[request.param]


def test_the_guid_and_the_names_of_an_earlier_plugin_stay(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # when
    out = tmp_path / "ThreatQ.lpi"
    assert main(["srp-bundle", "--scripts-dir", "C:\\tq", "--like", str(earlier), "--out", str(out)]) == 0
    # then rules find what they know, and the console takes it for an update
    definition = (tmp_path / "ThreatQ" / "actions.xml").read_bytes()
    root = ET.fromstring(definition)
    assert (root.get("Guid"), root.get("Version")) == (OLD_GUID, "16")
    assert f"ARPlugin_{OLD_GUID}_".encode() in out.read_bytes()[:80]
    actions = {action.name: action for action in read_plugin(out.read_bytes()).actions}
    labels = [parameter.label for parameter in actions["ThreatQ Add Sighting"].parameters]
    assert labels[:5] == ["The Alarm's ID", "Alarm Name", "Alarm Date", "Source IP Address", "Dest. IP"]
    assert [parameter.label for parameter in actions["Look it up"].parameters] == ["IOC Type", "IOC"]
    assert actions["Look it up"].command == r"C:\tq\tq-lookup.exe"
    assert etree.XMLSchema(etree.parse(FIXTURES / "RemediationVersion1.xsd")).validate(
        etree.fromstring(definition)
    )
    # and what no command of ours takes is named
    shown = capsys.readouterr().out
    assert "takes it: ThreatQ Add Sighting: Process" in shown
    assert "takes it: Other" in shown


def test_a_guid_alone_and_a_version_may_be_given(tmp_path: Path) -> None:
    words = ["--guid", f"{{{OLD_GUID}}}", "--plugin-version", "7", "--out", str(tmp_path / "ThreatQ.lpi")]
    assert main(["srp-bundle", "--scripts-dir", "C:\\tq", *words]) == 0
    root = ET.fromstring((tmp_path / "ThreatQ" / "actions.xml").read_bytes())
    assert (root.get("Guid"), root.get("Version")) == (OLD_GUID, "7")


def test_our_own_plugin_has_the_guides_names_of_fields_and_reads_back_as_it_is(tmp_path: Path) -> None:
    target = ScriptsFolder("C:\\tq")
    (tmp_path / "actions.xml").write_bytes(actions_xml(target))
    identity = read_identity(tmp_path)
    assert (identity.guid, identity.version, identity.left_out) == (GUID, 1, ())
    assert identity.fields["tq-sighting", "-DIP"] == "Destination IP Address"
    assert identity.fields["tq-sighting", "3"] == "Alarm Date"
    again = ScriptsFolder("C:\\tq", identity=identity)
    assert package(source(again)) == package(source(target))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<x/>", "no definition"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
        (b"text", "no SmartResponse plugin"),
        (gzip.compress(b"text"), "no SmartResponse plugin"),
        (package({"actions.xml": b"x"})[:90], "no SmartResponse plugin"),
        (EARLIER.replace(OLD_GUID, "7").encode(), "no Guid"),
        (EARLIER.replace("tq-", "").encode(), "none of the commands"),
    ],
)
def test_what_is_no_plugin_of_these_commands_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "old.lpi"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"--like.*{why}"):
        read_identity(path)


def test_a_plugin_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["srp-bundle", "--scripts-dir", "C:\\tq", "--like", str(tmp_path / "old.lpi")]) == 2
    assert "old.lpi cannot be read: No such file" in capsys.readouterr().err
