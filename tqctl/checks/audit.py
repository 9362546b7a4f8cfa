"""The copies of the audit trail: can this machine write them, and did they fail anywhere in the last day?"""

from __future__ import annotations

from collections.abc import Iterator

from tqctl.checks.line import CheckLine, failed, ok, warning
from workers.core.text import moment
from workers.ledger.audit import failing_copies
from workers.ledger.audit_copies import copies_of
from workers.ledger.client import RedisClient
from workers.settings.model import Settings

AREA = "audit"

_REMEDY = "make room, correct audit_file or audit_syslog, or give the user the right to write there"


def check_audit(redis: RedisClient, settings: Settings) -> Iterator[CheckLine]:
    """Look at the copies; raises ServiceAway("redis") when it does not answer."""
    copies = copies_of(settings)
    if not copies:
        yield ok(AREA, "copies", "none is set (audit_file, audit_syslog): the trail is in Redis alone")
    for copy in copies:
        try:
            copy.check()
            yield ok(AREA, "copies", f"also copied to {copy.name}")
        except OSError as error:
            yield failed(AREA, "copies", f"{copy.name}: {error.strerror or error}", _REMEDY)
    for place, (at_ms, reason) in failing_copies(redis).items():
        finding = f"not copied at {moment(at_ms)} UTC by {place}: {reason}; the entry is in Redis alone"
        yield warning(AREA, "copies", finding, _REMEDY)
