"""Every Redis key of ours; no other file knows a key's name.

All share the hash tag `{tq}`, so that one script may touch several of them on a Redis Cluster too.
"""

from __future__ import annotations

#: What every key of ours begins with.
PREFIX = "{tq}:"

#: What kombu puts before the name of a queue; with it, our scripts can send Celery's wake-ups.
CELERY_PREFIX = PREFIX + "celery:"

#: Sorted set, job id -> time of death in ms: the dead letters, kept until an operator acts.
DEAD = PREFIX + "dead"

#: Sorted set, job id -> time of completion in ms: what is done and still there with its content.
DONE = PREFIX + "done"

#: Sorted set, job id -> time of refusal in ms: what its sender must correct. Goes after a day; a thousand at most.
REFUSED_JOBS = PREFIX + "refused"

#: Set of the names of the queues that an operator has paused.
PAUSED = PREFIX + "paused"


#: Hash, `<event>:<kind>:<producer>` -> how often since the ledger began: the counters behind the metrics.
COUNTS = PREFIX + "counts"

#: Hash, `<kind>:<producer> <bucket>` -> jobs that took so long from acceptance to done, `<kind>:<producer> ms` -> all
#: that they took together (workers/ledger/latency.py).
LATENCY = PREFIX + "latency"

#: Text: how much of Redis' maxmemory is in use, in thousandths. Expires after two seconds; then accept looks anew.
MEMORY = PREFIX + "memory"

#: Text: what fills Redis most and what frees that, in words for those who are refused. Expires after a minute; then
#: upkeep measures anew.
FILLS = PREFIX + "memory:fills"

#: Text: when upkeep last ran, in ms of Redis' clock: the sign that beat and an upkeep worker live.
UPKEEP = PREFIX + "upkeep"

#: Hash: run, since. Which life of which Redis handed out work last, by its run id, and since when in ms.
LIFE = PREFIX + "life"


def job(job_id: str) -> str:
    """Text: the request as it was accepted, until the job is done; soon after that, packed with its progress.

    Six lines: time of acceptance in ms, kind, queue, producer (and a blank and the sender, where several send through
    one producer), trace, title; then the arguments as zlib-compressed
    JSON. That is version 1. A later one writes its number behind the kind, a blank between, and keeps the six lines.
    A done one is packed soon, and then begins with "+" (workers/ledger/packed.py).
    """
    return f"{PREFIX}job:{job_id}"


def dictionary(name: str) -> str:
    """Text: what done jobs have in common, against which they were packed.

    Below `job:`, since a user who may read jobs needs it too.
    """
    return f"{PREFIX}job:dictionary:{name}"


#: Hash, name of a dictionary -> since when it is used in ms, and how many jobs were done then; the newest is in use.
DICTIONARIES = PREFIX + "dictionaries"

#: Text: the time in ms until which the jobs that were done are packed.
PACKED_UNTIL = PREFIX + "packed-until"


def progress(job_id: str) -> str:
    """Hash: state, attempts, lost, tries, strikes (solo failures), struck, lease, since (ms), history, awaited.

    `awaited` are the ids of the Celery results that are told what becomes of the job, blanks between, until it is done.
    `history` is text, a line `<ms> <state> <JSON>` for each time the job was settled, the last ones of them. Of a job
    that was dropped only `attempts` stays, and expires.
    """
    return f"{PREFIX}progress:{job_id}"


def history(job_id: str) -> str:
    """Stream in which earlier versions kept what is now the field `history` of the progress; read, never written."""
    return f"{PREFIX}history:{job_id}"


def due(queue: str) -> str:
    """Sorted set, job id -> time in ms when it must be looked at: the open jobs of a queue."""
    return f"{PREFIX}due:{queue}"


def arrived(queue: str) -> str:
    """List of ids: jobs that came through the function and that no worker has taken over into `due` yet."""
    return f"{PREFIX}arrived:{queue}"


def may(kind: str, producer: str) -> str:
    """No key: a user of Redis who could read it may send jobs of `kind` under the name of `producer`."""
    return f"{PREFIX}may:{kind}:{producer}"


def sealed(secret: str) -> str:
    """What sealed names begin with, under which the function writes first; only it and the ACL file know `secret`."""
    return f"{PREFIX}sealed:{secret}:"


def same(key: str) -> str:
    """Text `<job id> <digest>`: which job a repeat of `key` answers. Expires after the window of its kind.

    Under `about:…` the last action on an indicator; another one takes its place.
    """
    return f"{PREFIX}same:{key}"


def ended(name: str) -> str:
    """Text: the markers of jobs whose content is no longer kept and whose ids begin with `name`, 18 bytes each.

    Below `same:`, since it answers repeats too, and every producer may read there.
    """
    return f"{PREFIX}same:ended:{name}"


#: Text: the address of an event in ThreatQ, with {id} for its id. Upkeep writes it, who has the settings.
#: Below `same:` like the markers, which hold no address.
EVENT_LINK = PREFIX + "same:ended:link"


def away(service: str) -> str:
    """Hash: until, since (ms), failures, reason. The breaker of a service, absent while the service is well.

    While a job goes ahead to see whether the service is back: probing (the token of its claim), probe (its id).
    Under the name of a queue: why its jobs can do nothing as things are set, and kind: of which kind ("" all of them);
    passed: up to which time (ms) all that is due is of that kind.
    """
    return f"{PREFIX}away:{service}"


#: Hash, producer and sender -> `<refused in a row> <until, ms> <last, ms> <reason>`: those whose jobs keep being
#: refused, and until when nothing is accepted from them. Expires an hour after the last refusal.
SENDERS = PREFIX + "away:senders"


def names(queue: str) -> str:
    """Text: the types that ThreatQ has and the jobs of a queue use, as JSON. Told by workers. Expires soon.

    Below `away:`, where the Smart Response commands may read.
    """
    return f"{PREFIX}away:names:{queue}"


#: Text: the values of the data collection `own_assets_collection`, as compressed JSON. Told by workers. Expires soon.
OWN_ASSETS = PREFIX + "away:own-assets"

#: Hash, service -> what is not set up of it, as a sentence, "" for nothing. Told by the workers, who have the settings.
LACKING = PREFIX + "lacking"


def recent(queue: str) -> str:
    """Hash: done, dead: how the last hundred jobs or so ended, newer ones counting more; ever:*: all that were done."""
    return f"{PREFIX}recent:{queue}"


def blamed(queue: str) -> str:
    """Hash: for which senders (s:*) and contents (c:*) the dead of `recent` stand, each counted so often. Expires."""
    return f"{PREFIX}blamed:{queue}"


def suspended(queue: str) -> str:
    """Hash: since (ms), dead, of, entry. Why a queue was paused by the ledger; absent until too many jobs died."""
    return f"{PREFIX}suspended:{queue}"


def pause(queue: str) -> str:
    """Hash: since (ms), reason, by. Why a queue is paused, for those who wait; absent while it is not.

    Below `away:`, as what may read breakers may read why nothing moves.
    """
    return f"{PREFIX}away:pause:{queue}"


def needs_newer(queue: str) -> str:
    """Text: what of the queue's jobs the workers that looked last do not know. Expires unless it is found again."""
    return f"{PREFIX}needs-newer:{queue}"


def claimed(token: str) -> str:
    """Text: what was claimed with this token, as JSON, for a claim sent again. Gone once settled, or in seconds."""
    return f"{PREFIX}claimed:{token}"


def last_chance(queue: str) -> str:
    """Text: the id of the job that was last claimed for the last time, having lost all workers but one."""
    return f"{PREFIX}last-chance:{queue}"


def wake_ups(queue: str) -> str:
    """List: the Celery messages that wait on a queue."""
    return CELERY_PREFIX + queue


def celery_result(result_id: str) -> str:
    """Text: a result as Celery's own Redis backend stores it, and the channel on which it is announced. Lives a day."""
    return f"{CELERY_PREFIX}celery-task-meta-{result_id}"


def paused_workers(queue: str) -> str:
    """Set of the names of the workers that stopped consuming `queue` when it was paused."""
    return f"{PREFIX}paused-workers:{queue}"


#: Sorted set, `<name> <instance>` of a worker -> when it gave its last sign of life, in ms of Redis' clock. Expires.
WORKERS = PREFIX + "workers"


def member_of_workers(name: str, instance: str) -> str:
    """Return how a worker is called among WORKERS: two may share a name."""
    return f"{name} {instance}"


def worker(member: str) -> str:
    """Text: what a worker told of itself last, as JSON (workers/ledger/signs.py). Expires after ten minutes."""
    return f"{PREFIX}worker:{member}"


def minute(number: int) -> str:
    """Hash, state -> jobs settled so in the minute that began `number` minutes after 1970. Lives two hours.

    `took:<bucket>` -> jobs that were done in it and took so long since their acceptance (workers/ledger/latency.py).
    """
    return f"{PREFIX}minute:{number}"


#: Stream: the audit trail, an entry (`entry` as JSON) for each act; bounded by the setting audit_entries.
AUDIT = PREFIX + "audit"

#: Hash, user@host -> `<ms> <reason>`: where the trail could not be copied to a file or syslog. Expires after a day.
AUDIT_FAILING = PREFIX + "audit:failing"


def audit_tokens(day: int) -> str:
    """Hash, token's name and address -> when it was first used there on a day (days since 1970). Expires."""
    return f"{PREFIX}audit:tokens:{day}"


def audit_settings(name: str) -> str:
    """Text: the settings with which a program started last, as JSON, secrets as digests. Expires."""
    return f"{PREFIX}audit:settings:{name}"


def session(digest: str) -> str:
    """Hash: token, csrf, said. A session of the status page, by the digest of its cookie or user. Expires."""
    return f"{PREFIX}session:{digest}"


def value(name: str) -> str:
    """Text: a small value under a name of its own."""
    return f"{PREFIX}value:{name}"


#: Sorted set, quarantine id -> time of arrival in ms: what a producer could not read, kept until an operator acts.
QUARANTINE = PREFIX + "quarantine"


#: Text: bytes that the items of the quarantine take, compressed; absent until one is kept.
QUARANTINE_BYTES = PREFIX + "quarantined:bytes"


def quarantined(item_id: str) -> str:
    """Hash: door (the producer), source, code, reason, raw (zlib), mapping (if named), at, times.

    Lives until it is dropped.
    """
    return f"{PREFIX}quarantined:{item_id}"


def group(digest: str) -> str:
    """Text: the id of the group of firings that is open under the digest of what they share. Expires."""
    return f"{PREFIX}group:{digest}"


def grouped(group_id: str) -> str:
    """Hash: a group of firings (`GroupState` of workers/ledger/groups.py), mostly by the id of the job that opened it.

    Expires an hour after its window, or after the last firing that joined it.
    """
    return f"{PREFIX}grouped:{group_id}"


def grouped_values(group_id: str) -> str:
    """Hash: distinct value of a group, as JSON -> in how many of its firings it came. Expires with the group."""
    return f"{PREFIX}grouped:{group_id}:values"


#: Sorted set, group -> when it expires in ms; those of limited firings, group -> when its window ends; and
#: group -> when its event must be told of firings that it does not know of.
GROUPS, GROUPS_LIMITED, GROUPS_DUE = PREFIX + "groups", PREFIX + "groups:limited", PREFIX + "groups:due"


def limit(digest: str, window: int) -> str:
    """Set of the ids of the firings that a source with a rate limit was let through in a window of it. Expires."""
    return f"{PREFIX}limit:{digest}:{window}"


def batch(batch_id: str) -> str:
    """Text: the ids of the jobs of one request, blanks between, then of what was refused. Expires like done jobs."""
    return f"{PREFIX}batch:{batch_id}"


#: What stands before the id of an item of the quarantine among the ids of a batch.
REFUSED = "refused:"


#: What producers without our software write to; each can lie in another Redis than the ledger.
INGEST_PREFIX = PREFIX + "ingest:"

#: Lists of raw payloads: for RPUSH (the left end is the oldest) and for LPUSH (the right end is the oldest).
INGEST_RPUSH, INGEST_LPUSH = INGEST_PREFIX + "rpush", INGEST_PREFIX + "lpush"

#: Stream of raw payloads in the field `payload`, and the consumer group by which the bridges share it.
INGEST_STREAM, INGEST_GROUP = INGEST_PREFIX + "stream", "bridges"

#: Pub/sub channel of raw payloads; what is published while no bridge listens is lost.
INGEST_CHANNEL = INGEST_PREFIX + "channel"

#: Sorted set, message -> time in ms when it is tried again: what waits since its sender is slowed down.
INGEST_DEFERRED = INGEST_PREFIX + "deferred"

#: Set of the ids of the bridges that may have taken something.
INGEST_BRIDGES = INGEST_PREFIX + "bridges"


#: Hash: how often a bridge ended or fell silent with a message in hand, by the message's digest. Expires.
INGEST_SUSPECTS = INGEST_PREFIX + "suspects"


def ingest_alive(bridge_id: str) -> str:
    """Text: a bridge's sign of life. Expires when the bridge has given none for a while."""
    return f"{INGEST_PREFIX}alive:{bridge_id}"


def ingest_taken(source: str, bridge_id: str) -> str:
    """List: what one bridge has taken from the list `source` and not yet accepted, oldest first."""
    return f"{source}:taken:{bridge_id}"


#: Text: which process looks after notices for the next half minute. Expires.
NOTICES_TURN = PREFIX + "notices:turn"

#: Hash, finding -> JSON of since when it lasts and when it was told last (workers/notices/decisions.py).
NOTICES_INCIDENTS = PREFIX + "notices:incidents"

#: Hash, `<receiver> <finding>` -> JSON of the notice that is not delivered yet, the newest of its finding.
NOTICES_OUTBOX = PREFIX + "notices:outbox"

#: Hash, receiver -> JSON of what became of the last attempt at it.
NOTICES_RECEIVERS = PREFIX + "notices:receivers"

#: Hash, name of a certificate or token -> when it ends, in ms; told by whichever process has it.
EXPIRIES = PREFIX + "expiries"
