"""Celery's settings, each with its reason. Where the ledger makes a usual setting needless, that is said."""

from __future__ import annotations

from kombu import Queue
from kombu.utils.url import parse_url
from msgspec import structs, to_builtins

from workers.core.errors import ConfigError, end_with
from workers.core.jobs import KINDS, QUEUES
from workers.ledger import celery_transport
from workers.ledger.connection import for_celery
from workers.ledger.keys import CELERY_PREFIX
from workers.ledger.quarantine import limits_of
from workers.settings.loading import load

# A full Redis must not stop the work that would make room in it.
celery_transport.register()

try:
    _settings = load().settings
    broker_url, _sentinel_options = for_celery(_settings.redis_url)
except ConfigError as error:
    end_with(error)

broker_transport_options = {
    # With the prefix our scripts can send wake-ups: they lie under the ledger's hash tag.
    "global_keyprefix": CELERY_PREFIX,
    # What is no message goes to the quarantine, within its limits; having lain in Redis, it may when Redis is full.
    # As plain values: `inspect stats`, by which Flower shows a worker, sends these options as JSON.
    "quarantine_limits": to_builtins(structs.replace(limits_of(_settings), memory_percent=None)),
    # Without it a half-open link freezes a worker for ever (measured: no recovery within 110 s, with it 15 s).
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 5,
    # A wake-up that a killed worker had popped comes back within seconds instead of minutes. No job depends on it,
    # since upkeep wakes the workers again for what is due.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # For so long a worker that is busy with a sync keeps a wake-up from others; kombu's default would be an hour.
    "visibility_timeout": 120,
    **_sentinel_options,
}

# kombu takes these from the URL; Flower asks for the length of the queues with what stands here alone.
broker_use_ssl = parse_url(broker_url).get("ssl", False) if broker_url.startswith("rediss://") else False

# Wait for Redis, at the start and whenever it is away, without giving up.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_pool_limit = 10
# A Redis that refuses writes for a while, as its disk is full or it became a replica, ends no worker either.
broker_channel_error_retry = True

# Queues are isolated from each other and a misspelt one is an error.
task_queues = [Queue(name) for name in QUEUES]
task_default_queue = "upkeep"
task_create_missing_queues = False
task_routes = {f"{name}.*": {"queue": name} for name in QUEUES}
# Celery clients' requests (workers/tasks/accept.py); any other queue of ours does as well.
task_routes |= {kind.name: {"queue": kind.queue} for kind in KINDS.values()}
task_routes["jobs.*"] = {"queue": "events"}

# A wake-up carries nothing, so JSON is enough, and pickle is refused.
task_serializer = "json"
result_serializer = "json"
event_serializer = "json"
accept_content = ["json"]

# Outcomes are in the ledger, and read from it. A backend that stores them would cost a third of the rate and block a
# publisher for 19 s.
task_ignore_result = True
result_backend = "workers.tasks.results:LedgerResults"

# A wake-up is acknowledged when it is taken: the ledger, not Celery, remembers what is owed, so a late
# acknowledgement would only deliver killed workers' wake-ups twice.
task_acks_late = False
worker_prefetch_multiplier = 1

# Work waits on HTTP: threads do the same rate as processes with half the memory.
worker_pool = "threads"

# Flower shows the jobs (workers/tasks/job_events.py). Publishers stay silent: each would be a label in metrics.
worker_send_task_events = True
task_send_sent_event = False

# workers/app.py sets up logging; redirecting standard output would log everything twice.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

enable_utc = True
timezone = "UTC"

# No state file: a second or restarted beat does no harm, because the ledger decides what is due.
beat_scheduler = "workers.tasks.beat:Ticks"
beat_schedule = {
    "look at what is due": {
        "task": "upkeep.work",
        "schedule": 1.0,
        "options": {"queue": "upkeep"},
    },
}
# Another schedule of Celery's does as well, such as crontab(minute=7), and so does an entry for one collection, with
# "collection": "its name" among its kwargs. The ledger remembers each one's last start (workers/tasks/schedule.py).
if _settings.sync_interval_s:
    beat_schedule["sync the lists"] = {
        "task": "lists.sync",
        "schedule": _settings.sync_interval_s,
        "kwargs": {"scheduled": True},
        "options": {"queue": "upkeep"},
    }
# Between these, what has changed is followed; whatever needs everything to be read waits for one of them.
if _settings.sync_interval_s and _settings.sync_delta_interval_s and _settings.sync_full_interval_s:
    beat_schedule["follow what changes"] = {
        "task": "lists.sync",
        "schedule": _settings.sync_delta_interval_s,
        "kwargs": {"scheduled": True, "mode": "delta"},
        "options": {"queue": "upkeep"},
    }
