"""The systemd units compared with the code."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from producers.http.connections import SPARE_FILES
from tests.support.deployment import ROOT, VARIABLES, complaints
from tqctl.production.unit import unit
from workers.settings.model import Settings

UNITS = {
    file.name: file.read_text() for file in sorted((ROOT / "deploy/systemd").glob("tq*.*")) if file.is_file()
}

SERVICES = {name: text for name, text in UNITS.items() if name.endswith(".service")}

PROGRAMS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])

#: The users of Redis.
USERS = re.findall(r"#<(\w+)>", (ROOT / "deploy/redis/users.acl.template").read_text())


def command_of(text: str) -> list[str]:
    """Return what a unit runs as words, without the folder of the program, for the queue events."""
    (command,) = re.findall(r"^ExecStart=(.*)$", text, flags=re.MULTILINE)
    command = command.partition(" exec ")[2].rstrip("'") or command
    program, *rest = shlex.split(command.replace("%i", "events"))
    return [Path(program).name, *rest]


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_a_command_that_we_have(name: str) -> None:
    assert list(complaints(command_of(SERVICES[name]), PROGRAMS)) == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_sets_only_variables_that_mean_something(name: str) -> None:
    set_here = set(re.findall(r"\b(TQ_\w+)=", SERVICES[name]))
    assert set_here - VARIABLES == set()


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_gets_every_secret_that_it_reads(name: str) -> None:
    loaded = dict(
        re.findall(r"^LoadCredential=([\w-]+):/etc/tq/secrets/([\w-]+)$", SERVICES[name], flags=re.MULTILINE)
    )
    read = set(re.findall(r"%d/([\w-]+)", SERVICES[name])) | set(
        re.findall(r"\$CREDENTIALS_DIRECTORY/([\w-]+)", SERVICES[name])
    )

    assert read == set(loaded)
    assert loaded["redis"].removeprefix("redis-") in USERS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder in which the units and their users are installed as the guide for production says."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd is installed; apt-get install systemd")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(ROOT / "deploy/systemd", root / "etc/systemd/system")
    shutil.copytree(ROOT / "deploy/sysusers.d", root / "usr/lib/sysusers.d")
    # systemd's own, without which no unit starts.
    for target in ("sysinit", "basic", "shutdown", "timers", "multi-user", "network-online"):
        (root / f"etc/systemd/system/{target}.target").write_text("[Unit]\nDescription=of the system\n")
    for text in SERVICES.values():
        (program,) = re.findall(r"^ExecStart=(/\S+)", text, flags=re.MULTILINE)
        (root / program[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / program[1:]).write_text("#!/bin/sh\n")
        (root / program[1:]).chmod(0o755)
    return root


def systemd(root: Path, *words: str) -> str:
    """Run systemd-analyze on what is installed in `root`; return all that it says."""
    command = ("systemd-analyze", *words[:1], f"--root={root}", "--man=no", *words[1:])
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(root: Path, name: str) -> None:
    assert systemd(root, "verify", name.replace("@.", "@events.")).strip() == ""


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_finds_little_that_a_unit_could_do_without(root: Path, name: str) -> None:
    # given in tenths: 20 is 2.0, and a unit that restricts nothing has 9.6
    said = systemd(root, "security", "--offline=true", "--threshold=20", name.replace("@.", "@events."))
    assert "Overall exposure level" in said
    assert "OK" in said.splitlines()[-1], said


def test_systemd_takes_the_unit_of_a_single_machine(root: Path) -> None:
    program = Path("/opt/tq/bin/tqctl")
    text = unit(program=program, config=Path("/etc/tq"), folder=Path("/var/lib/tq"), user="root")
    (root / "etc/systemd/system/tq-workers.service").write_text(text)

    assert systemd(root, "verify", "tq-workers.service").strip() == ""
    said = systemd(root, "security", "--offline=true", "--threshold=30", "tq-workers.service")
    assert "OK" in said.splitlines()[-1], said


def test_each_part_has_a_user_of_its_own() -> None:
    users = [re.findall(r"^User=(.+)$", text, flags=re.MULTILINE)[0] for text in SERVICES.values()]
    made = re.findall(r"^u (\S+) -:tq ", (ROOT / "deploy/sysusers.d/tq.conf").read_text(), flags=re.MULTILINE)
    assert sorted(users) == sorted(set(made))
    for user, text in zip(users, SERVICES.values(), strict=True):
        assert f"\nGroup=tq\nStateDirectory={user}\nWorkingDirectory=/var/lib/{user}\n" in text
        assert "\nMemoryMax=" in text


def test_each_timer_starts_a_unit_that_is_there() -> None:
    timers = [name for name in UNITS if name.endswith(".timer")]

    assert timers == ["tq-backup.timer", "tq-spool.timer", "tq-sync.timer"]
    assert [name for name in timers if name.replace(".timer", ".service") not in UNITS] == []


def test_the_http_entry_point_may_open_a_file_for_every_connection_and_has_a_limit_of_memory() -> None:
    (limit,) = re.findall(r"^LimitNOFILE=(\d+)$", SERVICES["tq-http-shim.service"], flags=re.MULTILINE)
    assert int(limit) >= Settings().http_max_connections + SPARE_FILES
    assert "\nMemoryMax=" in SERVICES["tq-http-shim.service"]
