"""What notices look at: the ledger, the runs of the list sync, Redis' memory, and what of ours ends some day."""

from __future__ import annotations

from collections.abc import Iterator

from workers.core.certificates import certificate_ends_ms
from workers.core.errors import ConfigError
from workers.core.jobs import QUEUES
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.expiries import expiries
from workers.ledger.overview import overview
from workers.ledger.status import memory
from workers.ledger.sync_runs import history, pending_count, waiting_runs
from workers.logrhythm.token import DISPLAY_NAME, read_token
from workers.notices.findings import Expiry, Situation
from workers.settings.model import Settings

#: Runs of the list sync that are looked through.
RUNS = 200

#: Milliseconds after its end for which something is still told of: its owner may be gone for good.
REMEMBERED_MS = 30 * 86_400_000

#: The settings of a worker that name files of certificates, and what the files are called.
FILES = {
    "threatq_client_cert": "ThreatQ's client certificate",
    "threatq_ca_file": "ThreatQ's authority",
    "logrhythm_ca_file": "LogRhythm's authority",
}


def situation(redis: RedisClient, settings: Settings) -> Situation:
    """Look at everything; raises ServiceAway("redis")."""
    seen = overview(redis)
    suspended = (queue for queue in QUEUES if redis.exists(keys.suspended(queue)))
    ends = {**expiries(redis), **dict(ends_here(settings))}
    return Situation(
        seen,
        frozenset(suspended),
        pending_count(redis),
        history(redis, most=RUNS),
        waiting_runs(redis),
        memory(redis),
        [Expiry(name, ends_ms) for name, ends_ms in ends.items() if ends_ms > seen.at_ms - REMEMBERED_MS],
    )


def ends_here(settings: Settings) -> Iterator[tuple[str, float]]:
    """Yield what the settings of this process name and when it ends, in ms; what cannot be read is told elsewhere."""
    for setting, name in FILES.items():
        if ends_ms := certificate_ends_ms(getattr(settings, setting)):
            yield name, ends_ms
    try:
        ends_s = read_token(settings.logrhythm_token).exp
    except ConfigError:
        return
    if ends_s is not None:
        yield DISPLAY_NAME, ends_s * 1000
