"""make up: the whole system, left running to be tried out, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import sys
from functools import partial
from pathlib import Path
from types import FrameType

from sandbox.launch.cli import LOGRHYTHM_PORT, THREATQ_PORT
from sandbox.launch.places import BIN, EXAMPLE, FOLDER, UP, short
from sandbox.launch.redis_server import free_port, is_free
from sandbox.launch.supervisor import Supervisor
from sandbox.launch.system import PROCESSES, System, running_system
from sandbox.system_page import PATH
from workers.core import output
from workers.core.errors import TqError

#: What is said of the option that names the simulated ThreatQ's port.
PORT_HELP = f"of the simulated ThreatQ (default {THREATQ_PORT}, or any free one); 0: any free one"

#: The HTTP entry point's usual port; where it is taken, any free one.
SHIM_PORT = 8070

#: Flower's usual port; where it is taken, any free one.
FLOWER_PORT = 5555


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C or TERM; everything is stopped in order."""
    parser = argparse.ArgumentParser(prog=UP, description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="data, configuration and logs")
    parser.add_argument("--threatq-port", type=int, help=PORT_HELP)
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with (
            running_system(options.folder, threatq_port=threatq_port(options.threatq_port)) as system,
            contextlib.suppress(KeyboardInterrupt),
        ):
            password, token = start_flower(system), start_shim(system)
            print(how_to_play(system, password, token), flush=True)
            supervisor_of(system).run()
        print("Everything is stopped.", flush=True)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Ctrl-C ends the reader too, as in `make up | tee up.log`.
        output.give_up()
    except TqError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def supervisor_of(system: System) -> Supervisor:
    """Return what starts again whatever of the system ends."""
    return Supervisor(
        system.processes,
        system.redis,
        file=system.config.parent / PROCESSES,
        say=partial(print, flush=True),
        commands=what_to_try(system),
    )


def threatq_port(chosen: int | None) -> int:
    """Return the simulated ThreatQ's port: if it is free the same each time, so that a browser's tab stays good."""
    if chosen is not None:
        return chosen
    return THREATQ_PORT if is_free(THREATQ_PORT) and is_free(LOGRHYTHM_PORT) else 0


def start_flower(system: System) -> str:
    """Start Flower behind a password of this run and return the password."""
    password = secrets.token_urlsafe(9)
    system.processes.environ |= {
        "TQ_FLOWER_BASIC_AUTH": f"admin:{password}",
        "TQ_FLOWER_PORT": str(FLOWER_PORT if is_free(FLOWER_PORT) else free_port()),
    }
    system.processes.start("flower", Path(sys.executable).with_name("tqctl"), "flower")
    return password


def start_shim(system: System) -> str:
    """Start the HTTP entry point with its status page, and return the token of this run that opens both."""
    token = secrets.token_urlsafe(18)
    port = SHIM_PORT if is_free(SHIM_PORT) else free_port()
    system.processes.environ |= {
        "TQ_HTTP_TOKENS": f"you:events+actions+read+operate:{token}",
        "TQ_HTTP_PORT": str(port),
    }
    command = Path(sys.executable).with_name("tq-http-shim")
    ready = system.config.parent / "shim.json"
    ready.unlink(missing_ok=True)
    system.processes.start("shim", command, "--port", str(port), "--ready-file", ready)
    system.processes.wait_until(ready.exists, "the HTTP entry point")
    return token


def how_to_play(system: System, password: str, token: str) -> str:
    """Return the addresses and the next commands to try."""
    producer = f"http://127.0.0.1:{system.processes.environ['TQ_HTTP_PORT']}"
    flower = system.processes.environ["TQ_FLOWER_PORT"]
    folder = short(system.config)
    return f"""
Running. Ctrl-C stops it all.

  ThreatQ (simulated)    {system.settings.threatq_url or "as configured"}
  LogRhythm (simulated)  {system.logrhythm or "as configured"}
  kill a process         {f"{system.settings.threatq_url}{PATH}" if system.logrhythm else "kill -9"}
  status page, HTTP      {producer}  token {token}
  Flower                 http://127.0.0.1:{flower}  user admin, password {password}
  Redis                  {system.settings.redis_url}
  logs                   {short(system.processes.folder)}

Try in another terminal:

  {BIN}/tq-conn-events-builder -c {folder} -p @{EXAMPLE} --wait
  {BIN}/tq-conn-events-builder -c {folder} -p @{EXAMPLE} --explain
  curl -H "Authorization: Bearer {token}" --data @{EXAMPLE} {producer}/v1/events
  {BIN}/tq-lookup "IP Address" 1.2.3.4 -c {folder}
  {BIN}/tq-conn-logrhythm -c {folder}
  {BIN}/tqctl -c {folder} sync history
  {BIN}/tqctl -c {folder} status
  {BIN}/tqctl -c {folder} check

Break something: each process can be killed, and is started again; each service has buttons for faults on its page.
"""


def what_to_try(system: System) -> tuple[str, ...]:
    """Return the commands for a person who kills processes: send much, and see that none of it is lost or doubled."""
    folder = short(system.config)
    fields = {
        "event_name": "try $(date +%s)-%g",
        "event_type": "Sighting",
        "event_happened_at": "$(date -u +%FT%TZ)",
    }
    payload = json.dumps(fields).replace('"', '\\"')
    return (
        f'seq -f "{payload}" 5000 | {BIN}/tq-conn-events-builder -c {folder} -p - > sent.txt',
        f"{BIN}/tqctl -c {folder} status",
    )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
