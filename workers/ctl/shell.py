"""What every command of `tqctl` shares: -c and --json, the settings, the ledger, and how results are shown."""

from __future__ import annotations

import getpass
import json
import socket
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

from producers.console import note
from workers.config import Loaded, Settings, load
from workers.ctl.tables import Shown, show_all
from workers.ledger.connect import connect
from workers.ledger.desk import Desk
from workers.ledger.ledger import Ledger
from workers.ledger.opening import open_ledger

#: Seconds that Redis may take to answer a person at a terminal.
ANSWER_TIMEOUT_S = 3.0

T = TypeVar("T")


def operator() -> str:
    """Return who types the commands, as user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user is often a number without a name.
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def above_zero(text: str) -> int:
    """Read how many are wanted, one at least; raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def options_of_all(*, top: bool = False) -> ArgumentParser:
    """Return the options that may stand before and after a command's name (`top`: before)."""
    options = ArgumentParser(add_help=False)
    add = options.add_argument
    add(
        "-c",
        "--config",
        metavar="FOLDER",
        default=None if top else SUPPRESS,
        help="folder of tq.yaml (default: TQ_CONFIG, else the current one)",
    )
    add(
        "--json",
        action="store_true",
        default=False if top else SUPPRESS,
        help="print JSON for programs",
    )
    return options


class Shell:
    """One run of a command: what it needs is made when it is first used."""

    def __init__(self, config: str | None = None, *, as_json: bool = False) -> None:
        self.config = config
        self.as_json = as_json

    @cached_property
    def loaded(self) -> Loaded:
        """The settings with their origins; raises ConfigError."""
        loaded = load(self.config)
        for warning in loaded.warnings:
            note(f"warning: {warning}")
        if self.config and not loaded.has_file:
            note(f"warning: there is no {loaded.path}; the environment and the defaults count")
        return loaded

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.loaded.settings

    @cached_property
    def desk(self) -> Desk:
        """The operator's side of the ledger, with a person's patience."""
        return Desk(connect(self.settings.redis_url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0))

    @cached_property
    def ledger(self) -> Ledger:
        """The workers' side of the ledger."""
        return open_ledger(self.desk.redis, self.settings)

    def show(self, value: T, words: Callable[[T], Iterable[Shown]]) -> None:
        """Print `value`, which is made of what JSON knows, as JSON; or for a person what `words` makes of it."""
        if self.as_json:
            print(json.dumps(value, indent=2))
        else:
            show_all(words(value))


def columns_of(value: dict[str, Any], *names: str) -> list[str]:
    """Return the values of `names` as texts; what is None or absent is empty."""
    return ["" if value.get(name) is None else str(value[name]) for name in names]
