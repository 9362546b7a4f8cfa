"""This machine: settings and their file, own mappings, the versions of the libraries, what lies in the spool."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from functools import partial
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement

from producers.enqueue import spool_of
from tqctl.checks.line import CheckLine, failed, ok, tried, warning
from workers.core.errors import ConfigError
from workers.indicators.known_good.configured import known_good_of
from workers.mappings.folder import MappingFolder
from workers.payload.grouping import grouping_of
from workers.settings.loading import Loaded
from workers.settings.model import not_set, threatq_needs

AREA = "here"

#: The libraries whose versions decide whether the queue works; what we need of them is in our own package's data.
LIBRARIES = ("celery", "kombu", "redis")


def check_here(loaded: Loaded) -> Iterator[CheckLine]:
    """Look at the settings, the libraries and the spool."""
    yield _file(loaded)
    yield from (warning(AREA, "settings", text, "correct that") for text in loaded.warnings)
    if absent := not_set(loaded.settings, threatq_needs(loaded.settings)):
        yield failed(AREA, "settings", absent, "run tqctl setup, or set them", code=2)
    if loaded.settings.group_by or loaded.settings.rate_limits:
        rules = partial(grouping_of, loaded.settings)
        yield tried(AREA, "groups and limits", rules, "the rules of group_by and rate_limits can be read")
    if loaded.settings.own_assets:
        ours = partial(known_good_of, loaded.settings)
        yield tried(AREA, "what is ours", ours, "own_assets can be read")
    if loaded.settings.mappings_dir:
        yield from _mappings(loaded.settings.mappings_dir)
    yield from _versions()
    yield from _spool(loaded)


def _mappings(folder: str) -> Iterator[CheckLine]:
    try:
        mappings = MappingFolder(folder).current()
    except ConfigError as error:
        yield failed(AREA, "mappings", str(error), "create the folder, or correct mappings_dir", code=2)
        return
    for name, fault in mappings.faults.items():
        remedy = f"correct that; until then no document becomes an event by {name}"
        yield failed(AREA, "mappings", str(fault), remedy, code=2)
    if not mappings.faults:
        yield ok(AREA, "mappings", f"those in {folder} can be used")


def _file(loaded: Loaded) -> CheckLine:
    if not loaded.has_file:
        return ok(AREA, "tq.yaml", f"none at {loaded.path}; the environment and the defaults count")
    mode = loaded.path.stat().st_mode & 0o777
    return ok(AREA, "tq.yaml", f"{loaded.path}, mode {mode:04o}")


def _versions() -> Iterator[CheckLine]:
    wanted = {requirement.name: requirement for requirement in map(Requirement, requires("tq-workers") or ())}
    for name in LIBRARIES:
        installed = version(name)
        if wanted[name].specifier.contains(installed, prereleases=True):
            yield ok(AREA, name, installed)
        else:
            yield failed(AREA, name, f"{installed}, but {wanted[name].specifier} is needed", "make install")
    yield ok(AREA, "python", platform.python_version())


def _spool(loaded: Loaded) -> Iterator[CheckLine]:
    spool = spool_of(loaded)
    folder = Path(spool.folder)
    waiting, unreadable = spool.waiting(), spool.unreadable()
    if waiting:
        yield warning(
            AREA,
            "spool",
            f"{waiting} jobs wait in {folder}",
            "tqctl spool flush delivers them once Redis is there; so does the next tq-conn-events-builder or action",
        )
    else:
        yield ok(AREA, "spool", f"empty ({folder})")
    if unreadable:
        yield warning(
            AREA,
            "spool",
            f"{unreadable} files in {folder / 'unreadable'} were set aside",
            "tqctl spool flush moves them to the quarantine",
        )
