"""Copies of the audit trail outside of Redis: JSON lines in a file, or messages to syslog; each raises OSError."""

from __future__ import annotations

import os
import socket
from functools import cache
from typing import Any, Protocol

from workers.settings.model import Settings

#: The port of a syslog server where none is named.
SYSLOG_PORT = 514

#: Facility authpriv, severity informational.
_PRIORITY = 10 * 8 + 6


class Copy(Protocol):
    """Somewhere that entries are copied to; both methods raise OSError where that cannot be written."""

    name: str

    def __call__(self, line: bytes) -> None:
        """Copy one entry: a line of JSON."""

    def check(self) -> None:
        """Find out whether entries could be copied."""


class FileCopy:
    """A file, opened for each entry: whatever rotates or removes it, the next entry is in the file of this name."""

    def __init__(self, path: str) -> None:
        self.name = path

    def __call__(self, line: bytes) -> None:
        """Append a line in one write, so that lines of several processes do not mix."""
        with open(self.name, "ab", buffering=0, opener=_private) as file:
            if file.write(line) != len(line):
                raise OSError(f"{self.name}: the disk took a part of the line")

    def check(self) -> None:
        """Open the file, which is there from then on."""
        with open(self.name, "ab", opener=_private):
            pass


class SyslogCopy:
    """Syslog, by its socket on this machine (/dev/log) or by host:port over UDP."""

    def __init__(self, address: str) -> None:
        self.name = f"syslog {address}"
        self._address = address

    def __call__(self, line: bytes) -> None:
        """Send an entry to the facility for security."""
        with _connected(self._address) as link:
            link.send(b"<%d>tq-audit: %b" % (_PRIORITY, line.rstrip()))

    def check(self) -> None:
        """Connect; over UDP nothing tells whether a server is there."""
        _connected(self._address).close()


def _connected(address: str) -> socket.socket:
    target: Any
    if address.startswith("/"):
        family, target = socket.AF_UNIX, address
    else:
        host, _, port = address.rpartition(":") if ":" in address else (address, "", str(SYSLOG_PORT))
        family, _, _, _, target = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_DGRAM)[0]
    link = socket.socket(family, socket.SOCK_DGRAM)
    try:
        link.connect(target)
    except OSError:
        link.close()
        raise
    return link


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o640)


@cache
def _copies(file: str, syslog: str) -> tuple[Copy, ...]:
    return (*([FileCopy(file)] if file else []), *([SyslogCopy(syslog)] if syslog else []))


def copies_of(settings: Settings) -> tuple[Copy, ...]:
    """Return where the settings have the audit trail copied to; nothing is opened yet."""
    return _copies(settings.audit_file, settings.audit_syslog)
