"""What proves the answers of a first run, each as soon as it is given; and what makes the connector known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct

from producers.cli.console import note
from producers.cli.questions import (
    CA_FILE,
    CLIENT_ID,
    EMAIL,
    HOST,
    LOGRHYTHM_STATUS,
    PASSWORD,
    REDIS,
    STATUS,
    Question,
)
from workers.core.errors import ConfigError, MissingRights, ServiceAway
from workers.core.user import user_at_host
from workers.ledger.acts import Actor, named
from workers.ledger.audit import Audit
from workers.ledger.connection import connect
from workers.ledger.status import is_primary, is_too_old
from workers.settings.model import Settings
from workers.settings.page_fields import PageField
from workers.threatq.client import Client
from workers.threatq.connector import Connector
from workers.threatq.errors import ServiceRefusal
from workers.threatq.service import ThreatQ
from workers.threatq.transport import Transport

#: A call that every ThreatQ knows, and answers with 401 where no token comes with it.
PROBE = "/api/indicator/types"


class SetupStep(Struct, frozen=True):
    """Questions whose answers `check` proves together.

    It raises ConfigError, which names the setting to correct, or ServiceAway.
    """

    questions: tuple[Question, ...]
    check: Callable[[Settings], None]


def check_host(settings: Settings) -> None:
    """Call ThreatQ without a login; raises ConfigError where another service answers."""
    with closing(Transport(settings)) as transport:
        try:
            transport.send("GET", PROBE)
        except MissingRights:
            return
        except ServiceRefusal as error:
            if error.is_absent:
                raise ConfigError(f"{error}; is that ThreatQ's own address?", field="threatq_url") from None


def check_login(settings: Settings) -> None:
    """Log in; raises BadCredentials where that is refused."""
    with _client(settings) as client:
        client.call("GET", PROBE)


def check_status(settings: Settings) -> None:
    """Look the status up; raises ConfigError that lists those that there are."""
    with _client(settings) as client:
        ThreatQ(client, settings).lookups.status(settings.threatq_status)


def check_logrhythm_status(settings: Settings) -> None:
    """Look up the status of what LogRhythm creates; raises ConfigError that lists those that there are."""
    with _client(settings) as client:
        ThreatQ(client, settings).lookups.status(settings.logrhythm_status, "logrhythm_status")


def check_redis(settings: Settings) -> None:
    """Ask Redis who it is; raises ConfigError for one that cannot hold the ledger, and ServiceAway."""
    with closing(connect(settings.redis_url, retries=0)) as redis:
        info = redis.info()
    if is_too_old(info):
        raise ConfigError(
            f"Redis {info['redis_version']} is too old; 7 or newer, or Valkey, is needed", field="redis_url"
        )
    if not is_primary(info):
        raise ConfigError("is a replica, which takes no writes; name the primary", field="redis_url")


#: The guide's order.
STEPS = (
    SetupStep((HOST, CA_FILE), check_host),
    SetupStep((CLIENT_ID, EMAIL, PASSWORD), check_login),
    SetupStep((STATUS,), check_status),
    SetupStep((REDIS,), check_redis),
)

#: The same for LogRhythm's connector, whose status is that of its own indicators.
LOGRHYTHM_STEPS = (*STEPS[:2], SetupStep((LOGRHYTHM_STATUS,), check_logrhythm_status), *STEPS[3:])


def register(settings: Settings, name: str, fields: Sequence[PageField]) -> None:
    """Make the connector `name` known to ThreatQ with the fields of its page; one that is known stays as it is."""
    with _client(settings) as client:
        Connector(client, name).register(fields)


def record(settings: Settings, path: Path, answered: Collection[str]) -> None:
    """Record who has written which settings to `path`, without what they are; without Redis, only say so."""
    audit = Audit.of(connect(settings.redis_url, retries=0), settings, Actor(user_at_host(), "setup"))
    try:
        audit.record("setup", str(path.absolute()), settings=named(answered))
    except ServiceAway as error:
        note(f"note: that this was set up is not in the audit trail: {error}")


@contextmanager
def _client(settings: Settings) -> Iterator[Client]:
    client = Client.from_settings(settings)
    try:
        yield client
    finally:
        client.close()
