"""Names of the Redis keys of backups and restores, each with what it holds."""

from __future__ import annotations

from workers.ledger.keys import PREFIX

#: Hash: at (ms), by, file. The last backup that `tqctl backup` has made.
BACKUP = PREFIX + "backup"

#: Hash: digest (of the backup), since (ms), by. A restore that has begun and not ended.
RESTORE = PREFIX + "restore"


def restoring(name: str) -> str:
    """Stream: what a restore has read so far of the stream `name`, which takes its place once all of it is there."""
    return f"{PREFIX}restoring:{name}"
