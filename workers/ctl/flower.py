"""`tqctl flower`: Celery's own window, never open to everybody."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import NoReturn

from workers.config import Settings
from workers.ctl.shell import Shell
from workers.errors import ConfigError


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = "Address, port and login are the settings flower_host, flower_port and flower_basic_auth."


def run(shell: Shell, _options: Namespace) -> NoReturn:
    """Become Flower, so that signals reach it; raises ConfigError when no login is set."""
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
