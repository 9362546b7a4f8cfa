"""The subcommands that start or set up the system: flower, up, demo, setup, completion."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from argcomplete.shell_integration import shellcode

from producers.cli.console import note
from producers.cli.questions import terminal
from producers.events_builder import set_up
from tqctl.shell import Shell
from workers.core.errors import ConfigError
from workers.core.extras import need, not_installed
from workers.settings.loading import load
from workers.settings.model import Settings

_HOW = """\
bash:  tqctl completion bash > ~/.local/share/bash-completion/completions/tqctl
zsh:   tqctl completion zsh > "${fpath[1]}/_tqctl"
fish:  tqctl completion fish > ~/.config/fish/completions/tqctl.fish
"""

_SETUP = """\
Each answer is checked when it is given, and kept: started again, it asks only for what is missing or not accepted.
On a pipe each line is an answer, and a wrong one ends it with nothing written:

  printf '%s\\n' HOST CLIENT-ID E-MAIL PASSWORD STATUS REDIS-URL | tqctl setup -c /etc/tq

Then tqctl check tells whether all of it works.
"""

#: Where a single machine keeps its data.
DATA = Path("/var/lib/tq")

_UP = f"""\
Without options: the whole system beside a simulated ThreatQ and LogRhythm, to try it out.
With --production: workers, beat, the HTTP entry point and, unless redis_url names another, a Redis of its own (AOF,
password, fixed port) with your ThreatQ. What is not configured is asked for, as tqctl setup does. What dies is started
again; Ctrl-C or TERM stops all in order.

  tqctl up --production -c /etc/tq --folder {DATA}
  tqctl up --unit -c /etc/tq --folder {DATA} | sudo tee /etc/systemd/system/tq-workers.service
"""


def flower_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run_flower)
    parser.epilog = "Address, port and login are the settings flower_host, flower_port and flower_basic_auth."


def run_flower(shell: Shell, _options: Namespace) -> NoReturn:
    """Become Flower, so that signals reach it; raises ConfigError when no login is set."""
    need("tqctl flower", "flower", "flower")
    environ = {**os.environ, **environment(shell.settings)}
    if shell.config:
        environ["TQ_CONFIG"] = shell.config
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "flower"]
    os.execve(sys.executable, command, environ)


def environment(settings: Settings) -> Mapping[str, str]:
    """Return what Flower reads of our settings; in the environment, because others can see a command line."""
    login = settings.flower_basic_auth.reveal()
    user, colon, password = login.partition(":")
    if not (user and colon and password):
        raise ConfigError(
            "Flower shows and stops work, so it starts behind a login only; set user:password",
            field="flower_basic_auth (TQ_FLOWER_BASIC_AUTH)",
        )
    if "," in login:
        raise ConfigError(
            "a comma separates several logins for Flower, so a password has none",
            field="flower_basic_auth (TQ_FLOWER_BASIC_AUTH)",
        )
    return {
        "FLOWER_BASIC_AUTH": login,
        "FLOWER_ADDRESS": settings.flower_host,
        "FLOWER_PORT": str(settings.flower_port),
    }


def up_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run_up)
    parser.epilog = _UP
    add = parser.add_argument
    add("--production", action="store_true", help="no simulated services: the main job, for good")
    add(
        "--folder",
        type=Path,
        help=f"data and logs (default: var in a checkout, else tq-workers here; in production {DATA})",
    )
    add("--threatq-port", type=int, help="of the simulated ThreatQ, 0: any free one")
    add(
        "--redis-port",
        type=int,
        default=6379,
        help="of the Redis that is brought along (default %(default)s)",
    )
    add("--unit", action="store_true", help="print a systemd unit that runs this in production, and end")


def run_up(shell: Shell, options: Namespace) -> int:
    """Run it."""
    if options.production or options.unit:
        return _run_production(shell, options)
    given = {"--folder": options.folder, "--threatq-port": options.threatq_port}
    words = [str(word) for pair in given.items() if pair[1] is not None for word in pair]
    return int(_launch("up").main(words))


def _run_production(shell: Shell, options: Namespace) -> int:
    need("tqctl up --production", "uvicorn", "http")
    try:
        machine = import_module("tqctl.production.machine")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"tqctl up --production is not part of this installation ({error}); in containers each part has its own"
        ) from error
    options.folder = options.folder or DATA
    return int(machine.run(shell.config, options))


def demo_arguments(parser: ArgumentParser) -> None:
    """Declare no arguments."""
    parser.set_defaults(run=run_demo)
    parser.epilog = "Runs in a folder of its own and leaves nothing behind."


def run_demo(_shell: Shell, _options: Namespace) -> int:
    """Run it."""
    return int(_launch("demo").main())


def _launch(name: str) -> ModuleType:
    """Return a module that starts the simulated services; raises ConfigError where they are not installed."""
    part, extra = f"tqctl {name}", "sandbox"
    need(part, "flower", extra)
    try:
        # Imported here too, since it is started as a process, which could tell that only to its log.
        import_module("sandbox.launch.cli")
        return import_module(f"sandbox.launch.{name}")
    except ModuleNotFoundError as error:
        raise not_installed(part, error.name, extra) from error


def setup_arguments(parser: ArgumentParser) -> None:
    """Declare no arguments."""
    parser.set_defaults(run=run_setup)
    parser.epilog = _SETUP


def run_setup(shell: Shell, _options: Namespace) -> int:
    """Ask, check, register, write."""
    # Not the shell's, which warns that there is no file yet.
    loaded = load(shell.config)
    for warning in loaded.warnings:
        note(f"warning: {warning}")
    set_up(loaded, terminal(takes_pipe=True))
    return 0


def completion_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.set_defaults(run=run_completion)
    parser.epilog = _HOW
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), nargs="?", help="default: that of SHELL")


def run_completion(_shell: Shell, options: Namespace) -> int:
    """Print the script."""
    used = os.path.basename(os.environ.get("SHELL", ""))
    name = options.shell or (used if used in ("zsh", "fish") else "bash")
    print(shellcode(["tqctl"], shell=name))
    return 0
