"""How a process of Celery's ends over an error of ours: a line, where Celery would show a traceback of twenty."""

from __future__ import annotations

import sys
from typing import NoReturn

from workers.errors import TqError


def end_with(error: TqError) -> NoReturn:
    """Say what is wrong on standard error and end the process with the error's exit code."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
