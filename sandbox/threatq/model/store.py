"""The tables behind the simulated ThreatQ: SQLite in memory or in a file, one connection, used by one event loop."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.threatq.model import defaults
from sandbox.threatq.model.defaults import ACCOUNTS
from sandbox.threatq.model.kinds import KINDS

Row = dict[str, Any]

# Every kind of object has the same table: unused columns cost a byte a row, special cases cost a reader.
# Times are seconds and scores are numbers here; rows.py gives them ThreatQ's spelling. `score` is the one that counts,
# whole as the library shows it.
_OBJECTS = """
CREATE TABLE {0} (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, type_id INTEGER, status_id INTEGER,
    description TEXT, happened_at INTEGER, generated_score REAL, manual_score REAL, score INTEGER,
    published_at INTEGER, last_detected_at INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    touched_at INTEGER NOT NULL
);
CREATE INDEX {0}_key ON {0} (key, type_id);
CREATE INDEX {0}_updated ON {0} (updated_at);
CREATE INDEX {0}_touched ON {0} (touched_at);
CREATE INDEX {0}_created ON {0} (created_at, status_id);
"""

_REST = """
CREATE TABLE indicator_types (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE, class TEXT);
CREATE TABLE event_types (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE);
CREATE TABLE attachment_types (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE);
CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT, hash TEXT, malware_locked INTEGER, content BLOB);
CREATE TABLE uploads (name TEXT, chunk TEXT, content BLOB, UNIQUE (name, chunk));
CREATE TABLE imports (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT, status_id INTEGER);
CREATE TABLE spearphish (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER, object_id INTEGER, value TEXT);
CREATE TABLE watchlist (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER, object_id INTEGER, user_id INTEGER, created_at INTEGER,
    UNIQUE (kind, object_id, user_id)
);
CREATE TABLE statuses (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE, protected TEXT);
CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT UNIQUE, type TEXT, reference_id INTEGER);
CREATE TABLE object_sources (
    id INTEGER PRIMARY KEY, kind INTEGER, object_id INTEGER, source_id INTEGER, creator_source_id INTEGER,
    tlp_id INTEGER, published_at INTEGER, created_at INTEGER, updated_at INTEGER,
    UNIQUE (kind, object_id, source_id)
);
CREATE TABLE attribute_names (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE attributes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER, object_id INTEGER, attribute_id INTEGER, value TEXT,
    published_at INTEGER, created_at INTEGER, updated_at INTEGER,
    UNIQUE (kind, object_id, attribute_id, value)
);
CREATE TABLE attribute_sources (attribute_row INTEGER, source_id INTEGER, UNIQUE (attribute_row, source_id));
CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE object_tags (kind INTEGER, object_id INTEGER, tag_id INTEGER, UNIQUE (kind, object_id, tag_id));
CREATE TABLE comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER, object_id INTEGER, value TEXT, source_id INTEGER,
    created_at INTEGER, updated_at INTEGER
);
CREATE INDEX comments_of ON comments (kind, object_id);
CREATE TABLE relations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, a_kind INTEGER, a_id INTEGER, b_kind INTEGER, b_id INTEGER,
    created_at INTEGER, updated_at INTEGER, UNIQUE (a_kind, a_id, b_kind, b_id)
);
CREATE INDEX relations_back ON relations (b_kind, b_id, a_kind);
CREATE VIEW related AS
    SELECT a_kind AS kind, a_id AS id, b_kind AS other_kind, b_id AS other_id FROM relations
    UNION ALL SELECT b_kind, b_id, a_kind, a_id FROM relations;
CREATE TABLE searches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT UNIQUE, name TEXT, json TEXT, owner_id INTEGER,
    shared INTEGER, created_at INTEGER
);
CREATE TABLE connectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, custom_fields TEXT, definitions TEXT,
    is_active INTEGER, last_import_at TEXT, last_import_count INTEGER, created_at INTEGER, updated_at INTEGER
);
"""

# A collection is counted by its status, as a search server counts, and not by a look at every indicator. What SQLite is
# told of that index keeps it from using it for all else: half of a million indicators have one status.
_STATUS = """
CREATE INDEX indicators_status ON indicators (status_id);
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 VALUES ('indicators', 'indicators_status', '1000000 500000');
ANALYZE sqlite_schema;
"""

#: Where nothing is kept.
MEMORY = ":memory:"

#: What a file must have been made with to be opened again: it changes with the tables.
_VERSION = zlib.crc32("".join((_REST, _OBJECTS, _STATUS, *KINDS)).encode()) & 0x7FFFFFFF


class Store:
    """A thin hand on the SQLite connection; `reset` brings back a fresh ThreatQ.

    What lies in a file is there again after a restart; `is_fresh` tells that nothing was.
    """

    def __init__(self, layout: defaults.IdLayout = "first", path: str = MEMORY) -> None:
        self.path = path
        self.is_fresh = not self._has_kept()
        if self.is_fresh:
            self.reset(layout)

    def _has_kept(self) -> bool:
        """Open what is there; tell whether a store of this version was made in it to the end."""
        try:
            self._connect()
            return self.tuples("PRAGMA user_version") == [(_VERSION,)]
        except sqlite3.DatabaseError:
            # Another program's file, or one that was cut off.
            return False

    def close(self) -> None:
        """Let go of the database; `reset` brings another."""
        if hasattr(self, "db"):
            self.db.close()

    # Python 3.13 warns of a database that was not closed.
    __del__ = close

    def reset(self, layout: defaults.IdLayout) -> None:
        """Throw everything away and fill in what a fresh installation holds."""
        self.close()
        for ending in ("", "-wal", "-shm"):
            Path(self.path + ending).unlink(missing_ok=True)
        self._connect()
        self.db.executescript(_REST)
        for collection in KINDS:
            self.db.executescript(_OBJECTS.format(collection))
        self.db.executescript(_STATUS)
        _fill(self.db, layout)
        # Last: a file without it was not made to the end.
        self.db.execute(f"PRAGMA user_version = {_VERSION}")

    def _connect(self) -> None:
        # The server's thread is not the one that made the store; only one of them ever uses it at a time.
        self.db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self.db.row_factory = _as_dict
        self.db.create_function("digest", 3, digest, deterministic=True)
        # A process that is killed loses nothing with a write-ahead log; only a machine that crashes does.
        for pragma in ("journal_mode = WAL", "synchronous = OFF", "case_sensitive_like = OFF"):
            self.db.execute(f"PRAGMA {pragma}")
        self._memo: dict[tuple[str, Any], Row] = {}
        self._counts: dict[tuple[str, tuple[Any, ...]], int] = {}
        self._counted_at = -1

    def all(self, sql: str, *values: Any) -> list[Row]:
        """Every row of a query."""
        return self.db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Row | None:
        """The first row of a query."""
        row: Row | None = self.db.execute(sql, values).fetchone()
        return row

    def tuples(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Every row of a query as a tuple: for pages of a thousand rows, where dicts would cost."""
        cursor = self.db.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, values).fetchall()

    def need(self, sql: str, *values: Any) -> Row:
        """The one row of a query that always has one."""
        row: Row = self.db.execute(sql, values).fetchone()
        return row

    def run(self, sql: str, *values: Any) -> int:
        """Run one statement; the id of the row that it inserted."""
        return self.db.execute(sql, values).lastrowid or 0

    def many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for many rows."""
        self.db.executemany(sql, rows)

    def recall(self, sql: str, value: Any) -> Row | None:
        """Like `one`, remembered: for names and types, which are only ever added."""
        if (sql, value) not in self._memo:
            row = self.one(sql, value)
            if row is None:
                return None
            self._memo[sql, value] = row
        return self._memo[sql, value]

    def count(self, sql: str, *values: Any) -> int:
        """A count, remembered until something is written: paging asks for the same total a thousand times."""
        if self._counted_at != self.db.total_changes:
            self._counts.clear()
            self._counted_at = self.db.total_changes
        key = (sql, values)
        if key not in self._counts:
            row = self.one(sql, *values)
            self._counts[key] = next(iter(row.values())) if row else 0
        return self._counts[key]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing for what one call writes."""
        self.db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            self._memo.clear()
            raise
        self.db.execute("COMMIT")


def digest(key: str, type_id: int | None, happened_at: int | None) -> str:
    """The 32 hex digits that ThreatQ shows as an object's hash; over what is a guess."""
    text = f"{key}|{type_id}|{happened_at}"
    return hashlib.md5(text.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def _fill(db: sqlite3.Connection, layout: defaults.IdLayout) -> None:
    types = [(id, name, defaults.class_of(name)) for id, name in defaults.indicator_types(layout)]
    db.executemany("INSERT INTO indicator_types VALUES (?, ?, ?)", types)
    db.executemany("INSERT INTO event_types VALUES (?, ?)", defaults.event_types(layout))
    files = enumerate(defaults.ATTACHMENT_TYPES, start=1)
    db.executemany("INSERT INTO attachment_types VALUES (?, ?)", files)
    statuses = [(id, name, "Y") for id, name in enumerate(defaults.STATUSES, start=1)]
    db.executemany("INSERT INTO statuses VALUES (?, ?, ?)", [*statuses, (6, defaults.CUSTOM_STATUS, "N")])
    people = [(account.source_id, account.name, "users", account.id) for account in ACCOUNTS]
    db.executemany("INSERT INTO sources VALUES (?, ?, ?, ?)", people)
