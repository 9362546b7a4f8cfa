"""The page of the whole simulated system: its processes, each with a button that kills it hard, and what to try.

Which processes there are stands in a file that their supervisor writes (sandbox/launch/supervisor.py).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.launch.supervisor import Supervised, SystemState
from sandbox.pages import is_from_other_site, page

#: Where the page lies.
PATH = "/system"

#: Seconds for which a button's answer waits, so that what was killed is seen running again.
SHOWN_AGAIN_S = 5.0


def read_state(file: Path) -> SystemState:
    """Return what the supervisor wrote last; nothing where it has not yet written."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=SystemState)
    except (OSError, msgspec.MsgspecError):
        return SystemState()


def routes(file: Path) -> list[Route]:
    """Return the page and its button."""

    async def show(request: Request) -> Response:
        state, now = read_state(file), time.time()
        rows = [
            (name, process, max(0, int(now - process.since))) for name, process in state.processes.items()
        ]
        return page(request, "system.html", rows=rows, commands=state.commands)

    async def kill(request: Request) -> Response:
        if is_from_other_site(request):
            return Response("This form was sent by another site.", 403)
        name = request.path_params["name"]
        process = read_state(file).processes.get(name)
        if process is None:
            return Response("There is no such process.", 404)
        # Each process leads a group of its own; one that has just ended leads none.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await _restarted(file, name, process)
        return RedirectResponse(PATH, 303)

    return [Route(PATH, show), Route(f"{PATH}/{{name}}/kill", kill, methods=["POST"])]


async def _restarted(file: Path, name: str, killed: Supervised) -> None:
    ends = time.monotonic() + SHOWN_AGAIN_S
    while read_state(file).processes.get(name) == killed and time.monotonic() < ends:
        await asyncio.sleep(0.05)
