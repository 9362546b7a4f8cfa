"""How far a run is, kept beside its entries: with the folder another process goes on where one was killed.

The pieces of a run that any worker may do: each list is read and planned in a folder that one worker holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from workers.core.errors import ConfigError
from workers.core.files import write_whole
from workers.core.text import short
from workers.listsync.plan.gather import Gathered
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.plan import CollectionSource, ListPlan
from workers.logrhythm.model import ListSummary
from workers.settings.model import Settings
from workers.threatq.collections import START, Position

#: Seconds after which what was read and planned is too old to go on with.
STALE_S = 3_600

#: Seconds after which the folder of a run that nobody went on with is removed.
ABANDONED_S = 86_400

STATE = "state.json"


class ListState(Struct, kw_only=True):
    """One list in a run; `found` is how LogRhythm described it, None where it has to be made.

    `times_planned` counts the plans that came to nothing, because the list went away or whoever planned it did;
    `faults` the times that LogRhythm failed on this list while it answered for others.
    """

    name: str
    type: str
    bucket: str
    found: ListSummary | None = None
    plan: ListPlan | None = None
    is_written: bool = False
    entry_count: int | None = None
    error: str = ""
    times_planned: int = 0
    faults: int = 0

    def plan_anew(self) -> None:
        """Forget the plan; the next one gets another folder."""
        self.plan = None
        self.times_planned += 1


class RunState(Struct, kw_only=True):
    """A run: the lists are looked up, everything is gathered, then each list is planned and written.

    `lists` are those that exist, and those to be made as soon as everything is gathered.
    """

    collection: ListFamily
    rules: str
    began_ms: int
    dry_run: bool = False
    position: Position | None = START
    taken: Gathered = Gathered()
    declared: int | None = None
    declared_last: int | None = None
    last_id: int = 0
    doubts: list[str] = []
    lists: list[ListState] | None = None

    @property
    def is_gathered(self) -> bool:
        """Whether the whole collection was read."""
        return self.position is None

    @property
    def source(self) -> CollectionSource:
        """What was read of the collection, for planning.

        While it is read, indicators may leave it: it is complete if the count matches that of either end.
        """
        taken, declared = self.taken, self.declared_last
        if taken.read == self.declared:
            declared = self.declared
        return CollectionSource(
            listing=Listing(declared, taken.read, tuple(self.doubts)),
            usable=taken.usable,
            unsupported=taken.unsupported,
            unusable=taken.unusable,
            samples=taken.samples,
        )


class RunFolder:
    """The folder of one run: its state, and the entries that it has read and planned."""

    def __init__(self, base: Path, job_id: str) -> None:
        self.path = base / job_id

    def of(self, one: ListState) -> Path:
        """Return the folder of one list in its present plan."""
        return self.path / f"{short(one.name)}-{one.times_planned}"

    def load(self) -> RunState | None:
        """Return how far the run is; None where nothing is to go on with, or it was too long ago."""
        file = self.path / STATE
        try:
            if time.time() - file.stat().st_mtime > STALE_S:
                return None
            return msgspec.json.decode(file.read_bytes(), type=RunState)
        except (OSError, msgspec.MsgspecError):
            return None

    def is_under_way(self) -> bool:
        """Tell whether the run has not ended yet."""
        return (self.path / STATE).exists()

    def begin(self) -> None:
        """Start with an empty folder."""
        self.remove()
        self.path.mkdir(mode=0o700, parents=True)

    def save(self, state: RunState) -> None:
        """Write down how far the run is."""
        # The entries do not wait for the disk either: after a power cut a run is read anew.
        write_whole(str(self.path / STATE), msgspec.json.encode(state), is_lasting=False)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def base_folder(settings: Settings) -> Path:
    """Return the folder of all runs, made if need be; what was abandoned there is removed.

    Raises ConfigError when it cannot be written or belongs to somebody else.
    """
    user = getattr(os, "getuid", lambda: "")()
    base = Path(settings.sync_dir).expanduser() if settings.sync_dir else _temporary(f"tq-sync-{user}")
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if user != "" and not settings.sync_dir and base.stat().st_uid != user:
            raise ConfigError(f"{base} belongs to somebody else; name another folder", field="sync_dir")
        for old in base.iterdir():
            # A run that ends meanwhile removes its folder itself.
            with suppress(FileNotFoundError):
                if time.time() - old.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ConfigError(f"{base} cannot be used: {error.strerror}", field="sync_dir") from error
    return base


def _temporary(name: str) -> Path:
    return Path(tempfile.gettempdir()) / name


#: Seconds without a sign of life after which whoever holds a folder counts as gone: a process that was stopped
#: keeps what it holds.
SILENT_S = 120.0

LOCK, READ, PLANNED = "lock", "read.json", "planned.json"


class Read(Struct, frozen=True):
    """A list's entries on disk: the spill's count and size. `is_gone`: LogRhythm did not have the list any more."""

    count: int = 0
    size: int = 0
    is_gone: bool = False


class PlannedList(Struct, frozen=True):
    """What planning a list came to."""

    plan: ListPlan | None = None
    is_gone: bool = False
    error: str = ""


@contextmanager
def taken(folder: Path) -> Iterator[bool]:
    """Hold a list's folder, or learn that somebody else does; the hold of a killed worker ends with it.

    Raises FileNotFoundError when the run is over.
    """
    folder.mkdir(exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        show_life(folder)
        yield True


def show_life(folder: Path) -> None:
    """Let whoever waits for this folder go on waiting."""
    os.utime(folder / LOCK)


def is_silent(folder: Path) -> bool:
    """Tell whether the holder of a folder has shown no sign of life for too long."""
    return time.time() - (folder / LOCK).stat().st_mtime > SILENT_S


def keep_read(folder: Path, read: Read) -> None:
    """Write down that the list was read."""
    write_whole(str(folder / READ), msgspec.json.encode(read), is_lasting=False)


def read_of(folder: Path) -> Read | None:
    """Return what reading the list came to; None before that."""
    file = folder / READ
    return msgspec.json.decode(file.read_bytes(), type=Read) if file.exists() else None


def keep_planned(folder: Path, planned: PlannedList) -> None:
    """Write down what planning came to."""
    write_whole(str(folder / PLANNED), msgspec.json.encode(planned), is_lasting=False)


def planned_of(folder: Path) -> PlannedList | None:
    """Return what planning the list came to; None before that."""
    file = folder / PLANNED
    return msgspec.json.decode(file.read_bytes(), type=PlannedList) if file.exists() else None
