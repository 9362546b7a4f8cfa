"""Which keys a backup holds, how they are called when they are counted, and what is left out of it and why."""

from __future__ import annotations

import re

from workers.backup.format import FilePart, JobPart, KeyPart, MarkersPart, Part
from workers.core.jobs import QUEUES
from workers.ledger import backup_keys, keys, sync_keys
from workers.ledger.markers import WIDTH

#: What is left out, by how its name begins.
LEFT_OUT = tuple(
    name.encode()
    for name in (
        # Wake-ups and what Celery notes: sent anew. Results of Celery clients live a day.
        keys.CELERY_PREFIX,
        # Whatever a restore makes anew of the jobs and of the quarantine themselves.
        *(keys.due(""), keys.arrived(""), keys.DONE, keys.DEAD, keys.REFUSED_JOBS, keys.PACKED_UNTIL),
        *(keys.QUARANTINE_BYTES, keys.ended("")),
        # True only of the Redis and the processes of that moment: leases, breakers, signs of life, locks.
        *(keys.LIFE, keys.MEMORY, keys.UPKEEP, keys.LACKING, keys.WORKERS, keys.worker(""), keys.claimed("")),
        *(keys.last_chance(""), keys.needs_newer(""), keys.SENDERS, keys.names(""), keys.sealed("")[:-1]),
        *(keys.away(name) for name in ("threatq", "logrhythm", *QUEUES)),
        *(keys.PREFIX + "notices:", keys.ingest_alive(""), keys.INGEST_SUSPECTS),
        *(sync_keys.lock(""), sync_keys.turn(""), sync_keys.owner(""), sync_keys.cancel("")),
        # A run begins anew, and the next one reads everything: what was proven of a list is another one's state.
        *(sync_keys.progress(""), sync_keys.gathered(""), sync_keys.state("")),
        *(sync_keys.proven(""), sync_keys.rows("")),
        # Sign-ins to the status page are no one's but their user's.
        keys.session(""),
        *(backup_keys.BACKUP, backup_keys.RESTORE, backup_keys.restoring("")),
    )
)

#: What must not be there already, unless the operator says that the backup is to be added to it.
OWED = re.compile(
    b"|".join(
        re.escape(name.encode())
        for name in (
            *(keys.job(""), keys.ended(""), keys.quarantined(""), sync_keys.manifest("", "")[:-1]),
            *(sync_keys.PENDING, keys.grouped(""), keys.INGEST_RPUSH, keys.INGEST_LPUSH),
            *(keys.INGEST_STREAM, keys.INGEST_DEFERRED),
        )
    )
)

#: What a part of a job has in its name.
JOB = re.compile(re.escape(keys.PREFIX.encode()) + rb"(?:job|progress):([0-9a-f]{24})")

#: How the keys are called that operators ask for, by how their names begin.
_NAMED = {
    keys.quarantined(""): "quarantined items",
    sync_keys.manifest("", "")[:-1]: "manifests of lists",
    sync_keys.pending(""): "pending deletes",
    keys.INGEST_PREFIX: "payloads for the bridge",
    keys.AUDIT: "entries of the audit trail",
    sync_keys.HISTORY: "runs of the list sync",
}

#: Those of which each value is counted, not each key.
_BY_VALUE = (keys.INGEST_PREFIX, sync_keys.HISTORY)


def is_left_out(name: bytes) -> bool:
    """Tell whether a key is none that a backup holds."""
    return name.startswith(LEFT_OUT) and name != keys.EVENT_LINK.encode()


def counted(part: Part) -> tuple[str, int]:
    """Return under which name a part is counted, and as how many."""
    match part:
        case JobPart():
            return f"{part.index} jobs", 1
        case MarkersPart():
            return "markers", len(part.markers) // WIDTH
        case FilePart():
            return "files of settings", 1
        case KeyPart():
            name = part.name.decode(errors="replace")
            named = (what for begins, what in _NAMED.items() if name.startswith(begins))
            by_value = name == keys.AUDIT or name.startswith(_BY_VALUE)
            return next(named, "other keys"), part.count if by_value else int(part.is_last)
    return "other keys", 0
