"""What is remembered between runs: in the registry on Windows, in a small file elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producers.cli.remembered import REGISTRY_KEY, File, Registry, memory
from workers.core.errors import ConfigError

FOLDERS = {"config": "L:\\ThreatQ\\config", "loglocation": "L:\\ThreatQ\\logs", "verbosity": "3"}


class FakeKey(dict[str, str]):
    """An open key of the stand-in."""

    def __enter__(self) -> FakeKey:
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""


class FakeWinreg:
    """The part of winreg's interface that is used, with the registry as a dictionary."""

    HKEY_LOCAL_MACHINE, KEY_READ, KEY_WRITE, KEY_WOW64_64KEY, REG_SZ = "HKLM", 1, 2, 256, 1

    def __init__(self, *, is_administrator: bool = True) -> None:
        self.keys: dict[tuple[str, str], FakeKey] = {}
        self.is_administrator = is_administrator

    def OpenKey(self, root: str, path: str, reserved: int, access: int) -> FakeKey:
        assert access == self.KEY_READ | self.KEY_WOW64_64KEY
        if (root, path) not in self.keys:
            raise FileNotFoundError(2, "not found")
        return self.keys[root, path]

    def CreateKeyEx(self, root: str, path: str, reserved: int, access: int) -> FakeKey:
        if not self.is_administrator:
            raise PermissionError(5, "Access is denied")
        return self.keys.setdefault((root, path), FakeKey())

    def QueryValueEx(self, key: FakeKey, name: str) -> tuple[Any, int]:
        if name not in key:
            raise FileNotFoundError(2, "not found")
        return key[name], self.REG_SZ

    def SetValueEx(self, key: FakeKey, name: str, reserved: int, kind: int, value: str) -> None:
        assert kind == self.REG_SZ
        key[name] = value


@pytest.fixture(params=["registry", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Registry | File:
    """Each kind of memory, empty."""
    return Registry(FakeWinreg()) if request.param == "registry" else File(str(tmp_path / "a" / "b.json"))


def test_what_is_remembered_is_recalled(place: Registry | File) -> None:
    assert place.recall() == {}
    place.remember(FOLDERS)
    assert place.recall() == FOLDERS


def test_what_is_not_named_stays_and_what_is_unknown_is_left_out(place: Registry | File) -> None:
    place.remember(FOLDERS)
    place.remember({"verbosity": "1", "password": "secret"})
    assert place.recall() == FOLDERS | {"verbosity": "1"}


def test_the_registry_key_is_the_guides() -> None:
    winreg = FakeWinreg()
    Registry(winreg).remember(FOLDERS)
    assert list(winreg.keys) == [("HKLM", r"Software\ThreatQuotient\LogRhythm")]
    assert REGISTRY_KEY == r"Software\ThreatQuotient\LogRhythm"


def test_without_the_right_to_write_the_remedy_is_named() -> None:
    with pytest.raises(ConfigError, match="as an administrator"):
        Registry(FakeWinreg(is_administrator=False)).remember(FOLDERS)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"config": null}'])
def test_an_odd_file_is_as_if_absent(tmp_path: Path, text: str) -> None:
    path = tmp_path / "logrhythm.json"
    path.write_text(text)
    assert File(str(path)).recall() == {}


def test_elsewhere_than_on_windows_it_is_a_file_of_the_user(tmp_path: Path) -> None:
    place = memory({"XDG_CONFIG_HOME": str(tmp_path)})
    place.remember(FOLDERS)
    assert (tmp_path / "tq-workers" / "logrhythm.json").exists()
