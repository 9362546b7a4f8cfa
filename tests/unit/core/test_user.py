"""Who runs a process, by the name that the audit trail and a job keep."""

from __future__ import annotations

import os

import pytest

from workers.core.user import MOST_NAME, bounded_name, user_at_host


@pytest.fixture(autouse=True)
def known_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says that this process is of the user tq."""
    monkeypatch.setattr("pwd.getpwuid", lambda uid: type("Row", (), {"pw_name": "tq"}))


def test_the_user_is_the_one_of_the_process_whatever_the_environment_says() -> None:
    assert user_at_host({"USER": "mallory", "LOGNAME": "mallory"}) == f"tq@{os.uname().nodename}"


def test_behind_sudo_the_one_who_called_it_is_named_too() -> None:
    assert user_at_host({"SUDO_USER": "alice"}) == f"alice as tq@{os.uname().nodename}"
    assert user_at_host({"SUDO_USER": "tq"}) == f"tq@{os.uname().nodename}"


def test_a_container_whose_user_has_no_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", no_name)
    assert user_at_host({}).startswith("unknown@")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nifi", "nifi"),
        ("a\nb\x1b[31m", "a b [31m"),
        ("\u202eevil", "evil"),
        ("half \ud800 a pair", "half a pair"),
        ("x" * 1_000, "x" * MOST_NAME),
    ],
)
def test_a_name_from_outside_is_one_short_line(text: str, name: str) -> None:
    assert bounded_name(text) == name
