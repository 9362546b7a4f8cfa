"""Runs a command of ours and writes down each call of a function of ours: `python tools/traced.py LOG COMMAND ...`.

A line a call: seconds of the monotonic clock, the thread, the file. What happens while a module is loaded is left
out, since it happens once a process and not for a job. Stands alone, so that it traces any commit from its folder.
"""

from __future__ import annotations

import inspect
import os
import runpy
import sys
import threading
import time
from types import FrameType

#: Where our code lies: what a worker or a producer runs, the simulated services aside.
OURS = tuple(os.path.join(os.getcwd(), package, "") for package in ("workers", "producers"))


def main() -> None:
    """Run the command with the log open."""
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    start = len(os.path.join(os.getcwd(), ""))

    def note(frame: FrameType, event: str, _argument: object) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(OURS) and not is_loading(frame):
            os.write(log, f"{time.monotonic():.6f} {threading.get_ident()} {path[start:]}\n".encode())

    sys.argv = sys.argv[2:]
    # The folder of this file is no part of the command's path.
    sys.path[0] = os.getcwd()
    threading.setprofile(note)
    sys.setprofile(note)
    runpy.run_path(sys.argv[0], run_name="__main__")


def is_loading(frame: FrameType | None) -> bool:
    """Tell whether a module or a class body of ours stands on the stack: only functions are optimised."""
    while frame is not None:
        code = frame.f_code
        if not code.co_flags & inspect.CO_OPTIMIZED and code.co_filename.startswith(OURS):
            return True
        frame = frame.f_back
    return False


if __name__ == "__main__":
    main()
