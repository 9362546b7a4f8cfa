"""One error tree, split by what the caller must do next.

Every message is written for a tired person: which field or service, why, and what to do.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class TqError(Exception):
    """Something went wrong; see the message for what to do."""

    #: What a command exits with when this error ends it.
    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InputError(TqError):
    """The input cannot be used as it is; correct the field that is named."""

    exit_code = 2

    def __init__(self, message: str = "", *, field: str = "") -> None:
        self.field = field
        super().__init__(f"{field}: {message}" if field else message)


class BatchTooLarge(InputError):
    """More jobs at once than may be open at all: never accepted as it is; send smaller batches."""


class ConfigError(InputError):
    """The configuration is incomplete or contradictory; correct the setting that is named."""


class BadCredentials(ConfigError):
    """The service does not accept our credentials; correct the client id, e-mail, password or secret.

    `service` is as for ServiceAway: each further try with a wrong password may lock the account.
    """

    def __init__(self, service: str, message: str = "", *, field: str = "") -> None:
        self.service = service
        super().__init__(message, field=field)


class QueueBlocked(ConfigError):
    """No job of a queue can be done until the setting that is named has been corrected."""


class MissingRights(ConfigError):
    """The service's account lacks a right that this needs; ask its administrator to grant it."""


class Rejected(TqError):
    """A service refuses this very thing and will refuse it again; correct it and replay the job."""


class NeedsNewerWorker(TqError):
    """A newer version made this job, and this one does not know how to do it; the job waits for a newer worker."""


class MalformedRecord(TqError):
    """What the ledger holds of a job cannot be read; send it again, and see who may write to this Redis."""


class LeaseLost(TqError):
    """Another worker has the job by now; nothing more is done with it here."""


class ServiceAway(TqError):
    """A service cannot be used now; the job is kept and tried again.

    `service` is "threatq", "logrhythm" or "redis"; `after` is how many seconds the service asked us to
    wait, or None when it did not say; `busy_s` is for how long it may still be at work on what it was asked.
    """

    exit_code = 3

    def __init__(
        self, service: str, message: str, *, after: float | None = None, busy_s: float = 0.0
    ) -> None:
        self.service = service
        self.after = after
        self.busy_s = busy_s
        super().__init__(message)


class Dropped(ServiceAway):
    """The connection broke while the service was answering; whether the work was done is not known."""


class Throttled(ServiceAway):
    """A service asks for fewer calls; the job is kept and tried again."""


class Busy(ServiceAway):
    """The ledger holds as many open jobs as it may, or Redis as many bytes; send the job again later."""


class MemoryFull(Busy):
    """Redis holds as many bytes as it may; make room, and send the job again later."""


class SlowedDown(Busy):
    """What this sender sends keeps being refused; correct it, and send again later."""


def end_with(error: TqError) -> NoReturn:
    """Say what is wrong on standard error and end the process with the error's exit code."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
