"""Where the administrator's folders are remembered: in the registry on Windows as in the guide, else in a file.

LogRhythm runs the actions under a service account with neither our working folder nor our environment, so
the first run of `tq-conn-logrhythm` writes down here what it was called with.
"""

from __future__ import annotations

import os

from workers.core import light_json
from workers.core.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: The guide's place, below HKEY_LOCAL_MACHINE.
REGISTRY_KEY = r"Software\ThreatQuotient\LogRhythm"

#: What is remembered, and under which name in the registry.
VALUES = {"config": "Config", "loglocation": "LogLocation", "verbosity": "Verbosity"}


class Registry:
    """The values in the Windows registry; `winreg` is that module or one with its interface."""

    def __init__(self, winreg: Any) -> None:
        self._winreg = winreg

    def recall(self) -> dict[str, str]:
        """Return what is remembered; nothing where the key is absent or may not be read."""
        try:
            with self._open(self._winreg.OpenKey, self._winreg.KEY_READ) as key:
                return {name: text for name in VALUES if (text := self._value(key, VALUES[name]))}
        except OSError:
            return {}

    def remember(self, values: Mapping[str, str]) -> None:
        """Write down those of VALUES that are given; raises ConfigError without the right to."""
        try:
            with self._open(self._winreg.CreateKeyEx, self._winreg.KEY_WRITE) as key:
                for name in values.keys() & VALUES.keys():
                    self._winreg.SetValueEx(key, VALUES[name], 0, self._winreg.REG_SZ, values[name])
        except OSError as error:
            raise ConfigError(
                rf"HKEY_LOCAL_MACHINE\{REGISTRY_KEY} cannot be written ({error.strerror}); "
                "run this once as an administrator"
            ) from error

    def _open(self, opener: Any, right: int) -> Any:
        # The same view for 32-bit and 64-bit Pythons, or each would have a memory of its own.
        right |= self._winreg.KEY_WOW64_64KEY
        return opener(self._winreg.HKEY_LOCAL_MACHINE, REGISTRY_KEY, 0, right)

    def _value(self, key: Any, name: str) -> str:
        try:
            return str(self._winreg.QueryValueEx(key, name)[0])
        except OSError:
            return ""


class File:
    """The values in a small JSON file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def recall(self) -> dict[str, str]:
        """Return what is remembered; nothing where the file is absent or odd."""
        try:
            with open(self.path, encoding="utf-8") as file:
                values = light_json.read(file.read())
        except (OSError, ValueError):
            return {}
        return (
            {name: str(values[name]) for name in VALUES if values.get(name)}
            if isinstance(values, dict)
            else {}
        )

    def remember(self, values: Mapping[str, str]) -> None:
        """Write down those of VALUES that are given; raises ConfigError when it cannot be written."""
        import json

        from workers.core.files import write_whole

        kept = {**self.recall(), **{name: values[name] for name in VALUES if name in values}}
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            write_whole(self.path, json.dumps(kept, indent=2).encode() + b"\n")
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written ({error.strerror})") from error


def memory(environ: Mapping[str, str] = os.environ) -> Registry | File:
    """Return the place of this system."""
    if os.name == "nt":
        import winreg

        return Registry(winreg)
    folder = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return File(os.path.join(folder, "tq-workers", "logrhythm.json"))
