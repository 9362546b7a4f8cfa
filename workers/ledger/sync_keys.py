"""Names of the Redis keys of the list sync, each with what it holds."""

from __future__ import annotations

from workers.ledger.keys import PREFIX

#: Stream: an entry for each finished run of the list sync (`run` as JSON), the newest thousand or so.
HISTORY = PREFIX + "sync:history"

#: Hash, id of pending deletes -> JSON of what waits, why, and whether it was approved.
PENDING = PREFIX + "sync:held"


def pending(pending_id: str) -> str:
    """Hash: the digests of pending deletes by partition. Expires."""
    return f"{PREFIX}sync:held:{pending_id}"


def lock(collection: str) -> str:
    """Text: the id of the job that syncs a collection now. Expires unless the job goes on."""
    return f"{PREFIX}sync:lock:{collection}"


#: Text: the lists that no data collection feeds any more, as the last run found them (JSON).
ABANDONED = PREFIX + "sync:abandoned"


def lists(host: str) -> str:
    """Hash: the lists of one LogRhythm that we wrote into, by guid (JSON)."""
    return f"{PREFIX}sync:lists:{host}"


def turn(host: str) -> str:
    """Text: who is writing to a LogRhythm now. Expires."""
    return f"{PREFIX}sync:turn:{host}"


def progress(job_id: str) -> str:
    """Hash: list name -> JSON of how far a run is with it. Expires."""
    return f"{PREFIX}sync:progress:{job_id}"


def owner(job_id: str) -> str:
    """Text: the host that has a run, or had it last, and until when others leave it alone (JSON). Expires."""
    return f"{PREFIX}sync:owner:{job_id}"


def cancel(job_id: str) -> str:
    """Text: who has cancelled a run. Expires."""
    return f"{PREFIX}sync:cancel:{job_id}"


def gathered(job_id: str) -> str:
    """List: what a run has gathered, in parts as they were added to its files (compressed). Expires."""
    return f"{PREFIX}sync:gathered:{job_id}"


def state(job_id: str) -> str:
    """Text: how far a run is whose gathered parts are kept (JSON, compressed). Expires."""
    return f"{PREFIX}sync:state:{job_id}"


def plan(job_id: str) -> str:
    """Text: the plan of a run as JSON. Expires."""
    return f"{PREFIX}sync:plan:{job_id}"


def settings(job_id: str) -> str:
    """Text: the settings that decide what a run does, as JSON; whichever worker goes on with it uses them. Expires."""
    return f"{PREFIX}sync:settings:{job_id}"


def manifest(host: str, guid: str) -> str:
    """Hash: what we put into a list, digests by partition, 16 bytes an entry; `list` is its name."""
    return f"{PREFIX}sync:manifest:{host}:{guid}"


def added(host: str, guid: str) -> str:
    """Hash: entries that are ours and not in the manifest yet, digest (hex) to `part ms`.

    They were put into the list at once, or a run with few changes puts them there just now.
    """
    return f"{PREFIX}sync:added:{host}:{guid}"


def proven(collection: str) -> str:
    """Text: what the last run proved of a collection and its lists, from which a delta run goes on (JSON). Expires."""
    return f"{PREFIX}sync:proven:{collection}"


def rows(collection: str) -> str:
    """Hash: a collection as last proven: `rows:<block>`, 7 bytes a row; digests `others:<list>`, `shared:<list>`.

    Expires.
    """
    return f"{PREFIX}sync:rows:{collection}"
