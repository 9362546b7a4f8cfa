"""What the files of a deployment say, read for the tests that hold it against the code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from celery.bin.celery import celery
from click import Context

from workers.core.jobs import QUEUES
from workers.settings.model import Settings, env_name, fields

ROOT = Path(__file__).resolve().parents[2]

#: Every variable that means something to us: each setting, its `_FILE`, and where tq.yaml is.
VARIABLES = {env_name(name) + ending for name in fields() for ending in ("", "_FILE")} | {"TQ_CONFIG"}

DEFAULTS = Settings()


def compose() -> dict[str, Any]:
    """Return docker-compose.yml with its anchors resolved."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def our_services() -> dict[str, dict[str, Any]]:
    """Return the services that run our image."""
    return {
        name: service for name, service in compose()["services"].items() if "tq-workers" in service["image"]
    }


def words_of(command: str | list[str]) -> list[str]:
    """Return a command as words; of one that a shell runs, those behind `exec`."""
    words = shlex.split(command.replace("$$", "$")) if isinstance(command, str) else command
    if words[:2] == ["sh", "-c"]:
        return shlex.split(words[2].partition(" exec ")[2])
    return words


def variables_in(text: str) -> set[str]:
    """Return the names of our variables that `text` sets, one `NAME=` a line, commented out or not."""
    return set(re.findall(r"^#?(TQ_\w+)=", text, flags=re.MULTILINE))


def complaints(words: Sequence[str], programs: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with a command line: no such program, option, queue or Celery command."""
    program, *rest = words
    if program != "celery":
        if program not in programs:
            yield f"{program} is no command of ours"
        return
    if rest[:2] != ["-A", "workers.app"]:
        yield f"celery without our app: {rest}"
        return
    yield from _celery_complaints(*rest[2:])


def _celery_complaints(name: str, *options: str) -> Iterator[str]:
    if name == "flower":
        return
    command = celery.get_command(Context(celery), name)
    if command is None:
        yield f"celery has no command {name}"
        return
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
    for option in options:
        if option.startswith("-") and option.partition("=")[0] not in known:
            yield f"celery {name} knows no {option}"
    if "-Q" in options:
        queues = options[options.index("-Q") + 1].split(",")
        yield from (f"there is no queue {queue}" for queue in queues if queue not in QUEUES)
