"""What ThreatQuotient's connectors left behind: their registry key and their configuration folder, in each form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tqctl.migration.files import read_configuration
from tqctl.migration.registry import read_export, read_registry
from workers.core.errors import InputError

EXPORT = """Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\\SOFTWARE\\ThreatQuotient]

[HKEY_LOCAL_MACHINE\\SOFTWARE\\ThreatQuotient\\LogRhythm]
"Config"="L:\\\\ThreatQ\\\\config\\\\"
"Log Location"=hex(2):4c,00,3a,00,5c,00,\\
  6c,00,6f,00,67,00,73,00,00,00
"Verbosity"=dword:00000003
"Other"="1"
"""

WHERE = {"config": "L:\\ThreatQ\\config\\", "loglocation": "L:\\logs", "verbosity": "3"}

ANSWERS = {
    "threatq_url": "threatq.example.com",
    "threatq_client_id": "abc123",
    "threatq_email": "lr@example.com",
    "threatq_password": "pass: 100% #1",
}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("node", ["", "WOW6432Node\\"])
def test_an_export_is_read_in_each_encoding(encoding: str, line_end: str, node: str, tmp_path: Path) -> None:
    file = tmp_path / "tq.reg"
    text = EXPORT.replace("SOFTWARE\\", f"SOFTWARE\\{node}").replace("\n", line_end)
    file.write_bytes(text.encode(encoding))
    assert read_export(file) == WHERE


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no export"),
        (b"hello", "no export"),
        (b"\xff\xfeh", "no text"),
        (
            "Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER\\A]\n".encode("utf-16"),
            "does not hold the key",
        ),
        (EXPORT.replace("[HKEY", "[-HKEY").encode("utf-16"), "does not hold the key"),
    ],
)
def test_what_is_no_export_of_the_key_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "tq.reg"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"--registry: .*{why}"):
        read_export(file)


def test_an_export_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_export(tmp_path / "tq.reg")


class FakeWinreg:
    """The part of winreg's interface that is used, with the guide's key in the view of 32-bit programs."""

    HKEY_LOCAL_MACHINE, KEY_READ, KEY_WOW64_64KEY, KEY_WOW64_32KEY = "HKLM", 1, 256, 512
    VALUES = (("Config", "L:\\ThreatQ\\config\\"), ("LogLocation", "L:\\logs"), ("Verbosity", 3))

    def OpenKey(self, root: str, path: str, reserved: int, access: int) -> FakeWinreg:
        if (root, path, access) != ("HKLM", r"Software\ThreatQuotient\LogRhythm", 1 | 512):
            raise FileNotFoundError(2, "not found")
        return self

    def QueryInfoKey(self, key: FakeWinreg) -> tuple[int, int, int]:
        return 0, len(self.VALUES), 0

    def EnumValue(self, key: FakeWinreg, index: int) -> tuple[str, str | int, int]:
        return *self.VALUES[index], 1

    def __enter__(self) -> FakeWinreg:
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""


def test_the_registry_of_this_machine_is_read_in_both_views() -> None:
    assert read_registry(FakeWinreg()) == WHERE


FORMS = {
    "ini": "[LogRhythm]\nThreatQ Host = threatq.example.com\nclient_id = abc123\nemail = lr@example.com\n"
    "password = pass: 100% #1\nstatus = Active\nlast_run = 7\n",
    "lines": "host=threatq.example.com\nclientid=abc123\nusername=lr@example.com\npassword=pass: 100% #1\n"
    "Status=Active\n",
    "json": json.dumps(
        {
            "host": "threatq.example.com",
            "auth": {"clientid": "abc123", "auth": {"email": "lr@example.com", "password": "pass: 100% #1"}},
            "status": "Active",
        }
    ),
    "yaml": "threatq_host: threatq.example.com\nauth:\n  clientid: abc123\n  auth:\n    email: lr@example.com\n"
    '    password: "pass: 100% #1"\ndefault_status: Active\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_read_in_each_form_that_it_may_have(form: str, tmp_path: Path) -> None:
    (tmp_path / "tq-conn-logrhythm.conf").write_text(FORMS[form])
    (tmp_path / "connector.log").write_text("2026-01-01 started\n")
    (tmp_path / "tq.yaml").write_text("threatq_url: https://other.example\n")
    (file,) = read_configuration(tmp_path)
    assert (file.connector, file.values) == ("logrhythm", {**ANSWERS, "logrhythm_status": "Active"})


def test_of_a_folder_of_several_connectors_ours_are_read_each_with_its_status(tmp_path: Path) -> None:
    for name, status in (("events_builder", "Review"), ("logrhythm", "Active"), ("misp_import", "Expired")):
        text = FORMS["lines"].replace("Active", status)
        (tmp_path / f"tq_conn_{name}.conf").write_text(text)
    files = {file.connector: file.values for file in read_configuration(tmp_path)}
    assert (files["events"]["threatq_status"], files["logrhythm"]["logrhythm_status"]) == ("Review", "Active")
    assert len(files) == 2


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "holds no configuration"),
        ({"a.conf": "nothing: of\n  - this"}, "holds no configuration"),
        ({"a.conf": "\x00\x01"}, "holds no configuration"),
        ({"a.conf": FORMS["lines"], "b.conf": FORMS["lines"]}, "holds several"),
    ],
)
def test_a_folder_without_their_configuration_is_named(
    files: dict[str, str], why: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"--from: .*{why}"):
        read_configuration(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--from: .*absent cannot be read: No such file"):
        read_configuration(tmp_path / "absent")
