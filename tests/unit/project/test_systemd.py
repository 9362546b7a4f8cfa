"""The systemd units compared with the code."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from producers.http.connections import SPARE_FILES
from tests.support.deployment import ROOT, VARIABLES, complaints
from workers.settings.model import Settings

UNITS = {file.name: file.read_text() for file in sorted((ROOT / "deploy/systemd").iterdir())}

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


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_runs_without_rights(name: str) -> None:
    for line in (
        "User=tq",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "UMask=0077",
    ):
        assert f"\n{line}\n" in SERVICES[name]


def test_each_timer_starts_a_unit_that_is_there() -> None:
    timers = [name for name in UNITS if name.endswith(".timer")]

    assert timers == ["tq-spool.timer", "tq-sync.timer"]
    assert [name for name in timers if name.replace(".timer", ".service") not in UNITS] == []


def test_the_http_entry_point_may_open_a_file_for_every_connection_and_has_a_limit_of_memory() -> None:
    (limit,) = re.findall(r"^LimitNOFILE=(\d+)$", SERVICES["tq-http-shim.service"], flags=re.MULTILINE)
    assert int(limit) >= Settings().http_max_connections + SPARE_FILES
    assert "\nMemoryMax=" in SERVICES["tq-http-shim.service"]
