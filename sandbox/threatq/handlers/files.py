"""/api/attachments: files, uploaded by themselves or in chunks before, with their types and their download."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from sandbox.threatq.handlers.drafts import Invalid, draft
from sandbox.threatq.handlers.ingest import Ingest
from sandbox.threatq.model import rows
from sandbox.threatq.model.call import Answer, Call, not_found, refused, single
from sandbox.threatq.model.kinds import ATTACHMENTS

_INSERT = "INSERT OR REPLACE INTO files (id, name, hash, malware_locked, content) VALUES (?, ?, ?, ?, ?)"


def upload(call: Call) -> Answer:
    """POST /api/attachments/upload: one chunk of a file, kept until an attachment of its name is created."""
    if call.file is None:
        raise refused("file", "The file field is required.")
    name = str(call.fields.get("resumableFilename") or call.file.name)
    chunk = str(call.fields.get("resumableChunkNumber", 1))
    call.threatq.store.run("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", name, chunk, call.file.content)
    return single({"name": name}, 201)


def create(call: Call) -> Answer:
    """POST /api/attachments: name, title, type, malware_locked; with the file, or after it was uploaded."""
    fields = call.fields
    name = str(fields.get("name") or (call.file.name if call.file else ""))
    content = _uploaded(call, name) if call.file is None else call.file.content
    if content is None:
        raise refused("file", "The file field is required.")
    item = {**fields, "title": fields.get("title") or name}
    try:
        attachment = draft(call.threatq, ATTACHMENTS, item)
    except Invalid as invalid:
        raise refused(invalid.field, invalid.message) from invalid
    id, _ = Ingest(call.threatq, call.account).write(attachment)
    locked = str(fields.get("malware_locked")) in ("1", "True", "true")
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    call.threatq.store.run(_INSERT, id, name, digest, int(locked), content)
    return single(
        rows.typed(call.threatq.store, ATTACHMENTS, rows.load(call.threatq, ATTACHMENTS, id) or {}), 201
    )


def download(call: Call) -> Answer:
    """GET /api/attachments/{id}/download: the file as it was sent."""
    row = call.threatq.store.one("SELECT name, content FROM files WHERE id = ?", call.path["id"])
    if row is None:
        raise not_found()
    headers = {"Content-Disposition": f'attachment; filename="{quote(row["name"], safe=" ")}"'}
    return Answer(row["content"], headers=headers)


def _uploaded(call: Call, name: str) -> bytes | None:
    """The chunks of a name, which are then forgotten."""
    sql = "SELECT content FROM uploads WHERE name = ? ORDER BY CAST(chunk AS INTEGER)"
    chunks = call.threatq.store.all(sql, name)
    call.threatq.store.run("DELETE FROM uploads WHERE name = ?", name)
    return b"".join(row["content"] for row in chunks) if chunks else None
