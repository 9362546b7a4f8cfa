"""The one table of all settings, made from the model; `make docs` writes it to docs/settings.md."""

from __future__ import annotations

import sys
from typing import Any

from workers.settings.model import Settings, env_name, fields, meaning
from workers.settings.values import accepted

_HEAD = """\
# Settings

Made from `workers/settings/model.py` by `make docs`; a test fails when the two differ.

The first of these that gives a value wins: the environment variable; the file that the same variable with `_FILE`
at its end names (`TQ_THREATQ_PASSWORD_FILE=/run/secrets/threatq`); `tq.yaml`; the default. `tq.yaml` is looked for in
the folder that `-c` names, else in the one that `TQ_CONFIG` names, else in the current one. It holds one `name: value`
a line and must be readable by its owner only (`chmod 600 tq.yaml`). An empty variable counts as not set.

A host is given as a name or a URL; `https` is assumed, and plain `http` is accepted only for this machine.

| `tq.yaml` | environment | default | accepted | meaning |
|---|---|---|---|---|
"""


def table() -> str:
    """Return the page as Markdown."""
    defaults = Settings()
    rows = [_row(name, annotation, getattr(defaults, name)) for name, annotation in fields().items()]
    return _HEAD + "\n".join(rows) + "\n"


def _row(name: str, annotation: Any, default: object) -> str:
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    cell = "(empty)" if default == "" else f"`{shown}`"
    return f"| `{name}` | `{env_name(name)}` | {cell} | {accepted(annotation)} | {meaning(annotation)} |"


if __name__ == "__main__":
    sys.stdout.write(table())
