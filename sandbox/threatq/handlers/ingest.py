"""Writes drafts: finds or makes the object, then merges in everything that hangs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.threatq.handlers.drafts import AttributeDraft, Draft, SourceDraft
from sandbox.threatq.model import clock
from sandbox.threatq.model.defaults import Account
from sandbox.threatq.model.kinds import Kind
from sandbox.threatq.model.relations import Relations

if TYPE_CHECKING:
    from sandbox.threatq.model.call import System

#: What an indicator gets where the request names no status.
DEFAULT_STATUS_ID = 3


class Ingest:
    """Writes for one account at one moment."""

    def __init__(self, threatq: System, account: Account) -> None:
        self.threatq, self.store, self.account = threatq, threatq.store, account
        self.now = clock.now()
        self.relations = Relations(self.store, threatq.behaviour.relation_cap, self.now)

    def write(self, draft: Draft) -> tuple[int, bool]:
        """Write one draft; the object's id and whether it was there before."""
        id = draft.id if draft.id is not None else self.find(draft)
        existing = id is not None
        id = self._insert(draft) if id is None else self._touch(id, draft)
        for source in draft.sources or (SourceDraft(self.account.name),):
            self.add_source(draft.kind, id, source)
        for attribute in draft.attributes:
            self.add_attribute(draft.kind, id, attribute)
        for tag in draft.tags:
            self.add_tag(draft.kind, id, tag)
        for comment in draft.comments:
            self.add_comment(draft.kind, id, comment)
        for kind, related in draft.relations:
            other = related if isinstance(related, int) else self.write(related)[0]
            self.relations.relate((draft.kind, id), (kind, other))
        return id, existing

    def find(self, draft: Draft) -> int | None:
        """The id of the object that a draft describes, None where there is none."""
        table = draft.kind.collection
        if draft.kind.is_event:
            if self.threatq.behaviour.event_key == "none":
                return None
            sql = "SELECT id FROM events WHERE key = ? AND type_id = ? AND happened_at = ? ORDER BY id"
            row = self.store.one(sql, draft.key, draft.type_id, draft.happened_at)
        else:
            row = self.store.one(
                f"SELECT id FROM {table} WHERE key = ? AND type_id IS ? ORDER BY id", draft.key, draft.type_id
            )
        return row["id"] if row else None

    def _insert(self, draft: Draft) -> int:
        score = self.threatq.behaviour.new_score if draft.kind.is_indicator else None
        status_id = (draft.status_id or DEFAULT_STATUS_ID) if draft.kind.is_indicator else None
        return self.store.run(
            f"INSERT INTO {draft.kind.collection} (key, type_id, status_id, description, happened_at,"
            " generated_score, score, published_at, last_detected_at, created_at, updated_at, touched_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(draft.key, draft.type_id, status_id, draft.description, draft.happened_at, score),
            *(None if score is None else int(score), draft.published_at or self.now, draft.last_detected_at),
            *(self.now, self.now, self.now),
        )

    def _touch(self, id: int, draft: Draft) -> int:
        self.store.run(
            f"UPDATE {draft.kind.collection} SET touched_at = ?1, updated_at = ?1,"
            " description = COALESCE(?2, description), last_detected_at = COALESCE(?3, last_detected_at),"
            # A protected status is never changed by ingesting, only by a person or a PUT.
            " status_id = CASE WHEN status_id IN (SELECT id FROM statuses WHERE protected = 'Y')"
            " THEN status_id ELSE COALESCE(?4, status_id) END WHERE id = ?5",
            *(self.now, draft.description, draft.last_detected_at, draft.status_id, id),
        )
        return id

    def add_source(self, kind: Kind, id: int, source: SourceDraft) -> tuple[int, bool]:
        """Name a source of an object; the row's id and whether it was there before."""
        source_id = self._source_id(source.name)
        old = self.store.one(
            "SELECT id FROM object_sources WHERE kind = ? AND object_id = ? AND source_id = ?",
            *(kind.number, id, source_id),
        )
        if old:
            self.store.run("UPDATE object_sources SET updated_at = ? WHERE id = ?", self.now, old["id"])
            return old["id"], True
        row = self.store.run(
            "INSERT INTO object_sources (kind, object_id, source_id, creator_source_id, tlp_id, published_at,"
            " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(kind.number, id, source_id, self.account.source_id, source.tlp_id, source.published_at),
            *(self.now, self.now),
        )
        return row, False

    def add_attribute(self, kind: Kind, id: int, attribute: AttributeDraft) -> int:
        """Set an attribute; the same name and value again touches the row that is there."""
        name_id = self._named("attribute_names", attribute.name)
        row = self.store.need(
            "INSERT INTO attributes (kind, object_id, attribute_id, value, published_at, created_at,"
            " updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO UPDATE SET updated_at = ?6 RETURNING id",
            *(kind.number, id, name_id, attribute.value, attribute.published_at, self.now),
        )
        for source in attribute.sources or (SourceDraft(self.account.name),):
            values = (row["id"], self._source_id(source.name))
            self.store.run("INSERT OR IGNORE INTO attribute_sources VALUES (?, ?)", *values)
        return int(row["id"])

    def add_tag(self, kind: Kind, id: int, name: str) -> int:
        """Tag an object; the tag's id."""
        tag_id = self._named("tags", name)
        self.store.run("INSERT OR IGNORE INTO object_tags VALUES (?, ?, ?)", kind.number, id, tag_id)
        return tag_id

    def add_comment(self, kind: Kind, id: int, value: str) -> int:
        """Comment on an object; the comment's id."""
        return self.store.run(
            "INSERT INTO comments (kind, object_id, value, source_id, created_at, updated_at)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            *(kind.number, id, value, self.account.source_id, self.now),
        )

    def _source_id(self, name: str) -> int:
        return self._named("sources", name)

    def _named(self, table: str, name: str) -> int:
        row = self.store.recall(f"SELECT id FROM {table} WHERE name = ?", name)
        return row["id"] if row else self.store.run(f"INSERT INTO {table} (name) VALUES (?)", name)
