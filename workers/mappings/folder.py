"""The mappings that are shipped, and those of the user's own folder, which is looked at again while a process runs."""

from __future__ import annotations

import threading
import time
from functools import lru_cache
from pathlib import Path

import structlog

from workers.core.errors import ConfigError
from workers.mappings.expressions import MappingFault
from workers.mappings.functions import FUNCTIONS
from workers.mappings.matching import Mappings
from workers.mappings.model import Mapping
from workers.mappings.reading import MOST_BYTES, read_mapping
from workers.mappings.time_limit import OutOfTime, is_limited

log = structlog.get_logger("tq.mappings")

SHIPPED = Path(__file__).parent / "shipped"

SUFFIX = ".yaml"

#: Seconds between two looks at the user's folder.
LOOK_EVERY_S = 2.0

#: Files of the user's folder that are read; a folder with more is the wrong one.
_MOST_FILES = 1_000

#: What tells two states of a folder apart: the name, time and size of each file.
_State = tuple[tuple[str, int, int], ...]


class MappingFolder:
    """The mappings as they are now, the user's own before shipped ones of the same name; safe to share by threads.

    A file that cannot be used is a fault of its name alone, and of no other; the shipped one is not used in its place.
    """

    def __init__(self, folder: str = "") -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._look_at_s = 0.0
        self._mappings = Mappings()

    def current(self) -> Mappings:
        """Return the mappings; raises ConfigError where the folder cannot be read, and never could be before.

        Raises OutOfTime where it is time to look at the folder, and others wait for this thread.
        """
        if self._state is not None and time.monotonic() < self._look_at_s:
            return self._mappings
        if is_limited():
            raise OutOfTime
        with self._lock:
            try:
                state = _state_of(self.folder)
                if state != self._state:
                    self._mappings, self._state = _merged(self.folder, state), state
            except ConfigError:
                if self._state is None:
                    raise
            self._look_at_s = time.monotonic() + LOOK_EVERY_S
            return self._mappings


@lru_cache(maxsize=8)
def mapping_folder(folder: str) -> MappingFolder:
    """Return the one that this process has for a folder, "" for the shipped mappings alone; nothing is read yet."""
    return MappingFolder(folder)


@lru_cache(maxsize=1)
def shipped() -> Mappings:
    """Return the mappings that are shipped."""
    return Mappings([read_file(path) for path in sorted(SHIPPED.glob(f"*{SUFFIX}"))])


def read_file(path: Path) -> Mapping:
    """Read one file; raises MappingFault."""
    try:
        data = path.read_bytes()[: MOST_BYTES + 1]
        if len(data) > MOST_BYTES:
            raise MappingFault(f"{path}: is larger than {MOST_BYTES} bytes")
        text = data.decode()
    except OSError as error:
        raise MappingFault(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingFault(f"{path} is not UTF-8") from error
    return read_mapping(text, str(path), FUNCTIONS, name=path.stem)


def _state_of(folder: str) -> _State:
    if not folder:
        return ()
    try:
        files = [(path.name, path.stat()) for path in sorted(Path(folder).iterdir()) if path.suffix == SUFFIX]
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be read: {error.strerror}", field="mappings_dir (TQ_MAPPINGS_DIR)"
        ) from error
    if len(files) > _MOST_FILES:
        raise ConfigError(
            f"{folder} holds more than {_MOST_FILES} mappings", field="mappings_dir (TQ_MAPPINGS_DIR)"
        )
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in files)


def _merged(folder: str, state: _State) -> Mappings:
    if not state:
        return shipped()
    mappings = {mapping.name: mapping for mapping in shipped()}
    faults: dict[str, MappingFault] = {}
    for name, _, _ in state:
        path = Path(folder) / name
        mappings.pop(path.stem, None)
        try:
            mappings[path.stem] = read_file(path)
        except MappingFault as fault:
            log.warning("mapping cannot be used", mapping=path.stem, reason=str(fault))
            faults[path.stem] = fault
    return Mappings(mappings.values(), faults)
