"""The reference pages, made from the code: `python -m tools.reference` writes docs/reference/."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import yaml
from msgspec import Struct, structs

from workers.core.jobs import KINDS, QUEUES
from workers.core.sync_report import AbandonedList, CollectionPart, ListResult, RunResult
from workers.ledger import keys, sync_keys

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "reference"
ALERTS = ROOT / "deploy" / "monitoring" / "prometheus" / "alerts.yml"


def main() -> None:
    """Write every page."""
    PAGES.mkdir(exist_ok=True)
    for name, page in (
        ("commands", commands),
        ("jobs", jobs),
        ("http-api", http_api),
        ("alerts", alerts),
    ):
        (PAGES / f"{name}.md").write_text(page())


def scripts() -> dict[str, str]:
    """Return our commands and what each starts, in the order of pyproject.toml."""
    started: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    return started


def commands() -> str:
    """Return the page of the commands: what each says of itself."""
    parts = [
        "# Commands\n\nWhat each command answers to `--help`. Exit codes are the same everywhere: 0 done or accepted, "
        "1 it failed, 2 wrong input or configuration, 3 a service is away and the job is kept.\n"
    ]
    first: dict[str, str] = {}
    for name, started in scripts().items():
        if first.setdefault(started, name) != name:
            parts.append(f"## {name}\n\nThe same as [{first[started]}](#{first[started]}).\n")
            continue
        parts.append(f"## {name}\n\n```text\n{help_of(name)}\n```\n")
        parts += [f"### {name} {sub}\n\n```text\n{help_of(name, sub)}\n```\n" for sub in subcommands(name)]
    return "\n".join(parts)


def help_of(*words: str) -> str:
    """Return what a command of ours answers to --help."""
    program = Path(sys.executable).with_name(words[0])
    environ = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run([program, *words[1:], "--help"], stdout=subprocess.PIPE, env=environ, check=True)
    return done.stdout.decode().strip()


def subcommands(name: str) -> list[str]:
    """Return the subcommands of `tqctl`."""
    if name != "tqctl":
        return []
    lines = help_of(name).partition("COMMAND\n")[2].splitlines()
    return [line.split()[0] for line in lines if line.startswith("    ") and line[4] != " "]


def jobs() -> str:
    """Return the page of the jobs, the queues, the wake-up and the keys in Redis."""
    rows = [f"| `{kind.name}` | {kind.queue} | {sameness(kind.window_s)} |" for kind in KINDS.values()]
    stored = [f"| `{name}` | {meaning} |" for name, meaning in documented_keys()]
    return "\n".join(
        [
            "# Jobs, messages and keys\n",
            "## Jobs\n",
            "| job | queue | when an equal one is the same job |",
            "|---|---|---|",
            *rows,
            "\n## Messages\n",
            "What Celery carries is a wake-up without content: it says that a queue has work, and any worker of the "
            "queue then claims what is ready. There is one task a queue:\n",
            *(f"- `{queue}.work`" for queue in QUEUES),
            "\nA sender that speaks Celery and has nothing of ours may also send `jobs.accept`: see "
            "[Celery clients](../celery-clients.md).\n",
            *report(),
            "\n## Keys in Redis\n",
            "All lie under one hash tag, so that a script may touch several on a cluster too. Other programs must not "
            "write them; to read them, use `tqctl` or the HTTP entry point.\n",
            "| key | what it is |",
            "|---|---|",
            *stored,
            "",
        ]
    )


def report() -> Iterator[str]:
    """Yield the section on the report of the list sync, from the value that everything reads."""
    yield "## The report of a list sync\n"
    yield (
        "The JSON of `tq-conn-logrhythm --json`, of `tqctl sync history --json` and of the job's result over HTTP; the "
        "command's table, the status page, the notices and the metrics are made of the same value.\n"
    )
    for part, title in (
        (RunResult, "The run"),
        (ListResult, "Each of `lists`"),
        (CollectionPart, "Each of `parts`"),
        (AbandonedList, "Each of `abandoned`"),
    ):
        yield f"| {title} | |\n|---|---|"
        yield from (f"| `{name}` | {meaning} |" for name, meaning in meanings(part).items())
        yield ""
    yield "The run also has `adds` and `deletes`, the sums of its lists."


def meanings(part: type[Struct]) -> dict[str, str]:
    """Return what each field of a part of the report means, by its name in JSON."""
    hints = get_type_hints(part, include_extras=True)
    return {
        field.encode_name: hints[field.name].__metadata__[0].description for field in structs.fields(part)
    }


def sameness(window_s: int | None) -> str:
    """Say for how long equal arguments are the same job."""
    return "for as long as it is remembered" if window_s is None else f"within {window_s} s"


def documented_keys() -> Iterator[tuple[str, str]]:
    """Yield each key of the ledger and what its documentation says."""
    for module in (keys, sync_keys):
        yield from _documented(module)


def _documented(module: ModuleType) -> Iterator[tuple[str, str]]:
    source = Path(str(module.__file__)).read_text()
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            arguments = [f"<{argument.arg}>" for argument in node.args.args]
            meaning = " ".join((ast.get_docstring(node) or "").split())
            yield getattr(module, node.name)(*arguments), meaning
        elif isinstance(node, ast.Assign):
            first = node.lineno - 2
            while lines[first].startswith("#:") and lines[first - 1].startswith("#:"):
                first -= 1
            meaning = " ".join(line.removeprefix("#:").strip() for line in lines[first : node.lineno - 1])
            for target in ast.walk(node):
                if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                    yield getattr(module, target.id), meaning


def alerts() -> str:
    """Return the page of the alerts: when each fires and what to do."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    rows = [
        f"| [`{rule['alert']}`](../runbooks/{rule['alert']}.md) | {rule['labels']['severity']}"
        f" | {_plain(rule['annotations']['summary'])} | {rule.get('for', 'at once')}"
        f" | {_plain(rule['annotations']['description'])} |"
        for group in groups
        for rule in group["rules"]
    ]
    return (
        "# Alerts\n\nMade from `deploy/monitoring/prometheus/alerts.yml` by `make docs`: what fires, "
        "and what to do at night. Each alert has a page with the steps, which its annotation `runbook` names. In them, "
        "`$QUEUE`, `$SERVICE` and `$COLLECTION` are labels of the alert, `$ID` and `$REASON` what the command before "
        "showed. With Docker Compose, `docker compose up --detach worker-events` takes the place of "
        "`systemctl start tq-worker@events`, and `docker compose logs worker-events` that of `journalctl`.\n\n"
        "| alert | severity | what is wrong | after | do |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _plain(text: str) -> str:
    """Return an alert's text with what Prometheus fills in as a word."""
    named = re.sub(r"\{\{ *\$labels\.(\w+) *\}\}", r"*\1*", text)
    return re.sub(r"\{\{[^}]*\}\}", "*so much*", named)


def http_api() -> str:
    """Return the page of the HTTP API, from its OpenAPI description."""
    api = json.loads((ROOT / "docs" / "openapi.json").read_text())
    parts = [
        "# HTTP API\n\nMade from [openapi.json](../openapi.json), which a running entry point serves; how to start "
        "one is in [The HTTP entry point](../http.md).\n"
    ]
    for path, methods in api["paths"].items():
        parts += [operation(path, method, described) for method, described in methods.items()]
    return "\n".join(parts)


def operation(path: str, method: str, described: dict[str, Any]) -> str:
    """Return the section of one operation."""
    lines = [f"## {method.upper()} {path}\n", described.get("summary", ""), ""]
    if parameters := described.get("parameters"):
        lines += ["| parameter | in | meaning |", "|---|---|---|"]
        lines += [
            f"| `{p['name']}` | {p['in']} | {p.get('description', '')} |" for p in parameters if "name" in p
        ]
        lines.append("")
    if body := described.get("requestBody"):
        lines += ["Body: " + ", ".join(f"`{kind}`" for kind in body["content"]), ""]
    lines += ["| answer | meaning |", "|---|---|"]
    lines += [
        f"| {code} | {answer.get('description', '')} |" for code, answer in described["responses"].items()
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
