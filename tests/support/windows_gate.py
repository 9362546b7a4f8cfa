"""A Python that lacks what CPython on Windows lacks: `python -m tests.support.windows_gate MODULE FUNCTION [ARGUMENT]`.

Libraries are loaded before, as they choose by the system themselves; then the gate closes and our own code is imported
anew. Output goes to a console of cp1252, which refuses what that cannot show.
"""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import signal
import socket
import sys
import types
from collections.abc import Sequence
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from importlib.abc import MetaPathFinder

from tests.support.windows_files import REFUSED_WHILE_OPEN, guarded

OURS = ("producers", "workers", "tqctl", "sandbox")

#: Modules that exist on POSIX systems alone, and libraries that have no wheel for Windows.
MISSING = (
    "fcntl",
    "grp",
    "posix",
    "pwd",
    "pty",
    "readline",
    "resource",
    "syslog",
    "termios",
    "tty",
    "uvloop",
)

#: Names that a module lacks there.
ABSENT: list[tuple[types.ModuleType, str]] = [
    (
        os,
        "chown chroot fchmod fchown fork forkpty getegid geteuid getgid getgroups getloadavg getpgid getsid getuid",
    ),
    (
        os,
        "initgroups killpg lchown mkfifo mknod nice O_DIRECTORY O_NOFOLLOW O_NONBLOCK posix_spawn sched_getaffinity",
    ),
    (os, "sched_setaffinity setgid setsid setuid statvfs sync sysconf uname wait waitid WNOHANG"),
    (
        signal,
        "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 SIGUSR2 alarm pause setitimer",
    ),
    (socket, "AF_UNIX"),
]


class Msvcrt(types.ModuleType):
    """As much of that module as we use."""

    LK_NBLCK = 2

    @staticmethod
    def locking(handle: int, _mode: int, _size: int) -> None:
        """Lock an open file, or raise as Windows does."""
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise PermissionError(13, "Permission denied") from None


class Gate(MetaPathFinder):
    """Refuses the missing modules to whatever asks from now on."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse one of them; look for no other."""
        if fullname.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def every_module() -> list[str]:
    """Return the modules of ours that a user's command may load."""
    return [
        found.name
        for package in OURS
        for found in pkgutil.walk_packages([package], f"{package}.")
        if not found.name.endswith("__main__")
    ]


def close(modules: Sequence[str]) -> None:
    """Let this process be on Windows, as far as our own code can tell; `modules` are loaded before."""
    for module in modules:
        importlib.import_module(module)
    for name in list(sys.modules):
        if name.partition(".")[0] in (*OURS, *MISSING):
            del sys.modules[name]
    for holder, absent in ABSENT:
        for name in filter(partial(hasattr, holder), absent.split()):
            delattr(holder, name)
    for name in REFUSED_WHILE_OPEN:
        setattr(os, name, guarded(getattr(os, name)))
    sys.meta_path.insert(0, Gate())
    sys.modules["msvcrt"] = Msvcrt("msvcrt")
    sys.platform = "win32"


def main(module: str, function: str, arguments: list[str]) -> None:
    """Close the gate, and call a function as a command."""
    command = getattr(importlib.import_module(module), function)
    # What an entry point starts is loaded before as well.
    close([module, *(command.args[1:2] if isinstance(command, partial) else ())])
    sys.argv = [function, *arguments]
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="cp1252")
    sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="cp1252")
    sys.exit(getattr(importlib.import_module(module), function)())


def import_all() -> None:
    """Import everything of ours behind the gate."""
    names = every_module()
    close(names)
    for name in names:
        importlib.import_module(name)
    print(len(names))


if __name__ == "__main__" and sys.argv[1:] == ["--all"]:
    import_all()
elif __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
