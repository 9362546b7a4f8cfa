"""Settings that changed: noticed when a program starts, and when a connector's page in ThreatQ says something else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
import structlog

from workers.core.errors import ServiceAway
from workers.ledger import keys
from workers.ledger.acts import MOST_NAMED
from workers.ledger.audit import Audit
from workers.ledger.small_writes import write
from workers.settings.loading import Loaded
from workers.settings.model import Secret, Settings, fields

log = structlog.get_logger("tq.audit")

#: Seconds for which it is remembered with which settings a program started.
KEEP_S = 180 * 86_400

#: Stands before the digest of a secret.
_DIGEST = "secret:"


class SettingsTrail:
    """Records which settings have changed, and what was and is set; of a secret only that it has."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._known: dict[str, Mapping[str, str]] = {}

    def note(self, source: str, values: Mapping[str, str]) -> None:
        """Record how what `source` says now differs from what it said last, to whichever process that was.

        Redis is asked only where it differs from what this process knows; while it is away, the next call notes it.
        """
        if self._known.get(source) == values:
            return
        shown = {name: _shown(f"{source}:{name}", value) for name, value in values.items()}
        command = ("SET", keys.audit_settings(source), msgspec.json.encode(shown), "EX", KEEP_S, "GET")
        try:
            (before,) = write(self._audit.redis, command)
            changes = _changes(msgspec.json.decode(before, type=dict[str, str]), shown) if before else {}
            if changes:
                self._audit.record("settings", source, **changes)
        except (ServiceAway, msgspec.MsgspecError) as error:
            log.warning("whether settings have changed is not noted", source=source, reason=str(error))
            return
        self._known[source] = dict(values)


def values_of(loaded: Loaded) -> dict[str, str]:
    """Return the settings that are not as they are by default, for the trail."""
    default, settings = Settings(), loaded.settings
    given = (name for name in fields() if getattr(settings, name) != getattr(default, name))
    return {
        name: getattr(settings, name) if isinstance(getattr(settings, name), Secret) else loaded.shown(name)
        for name in given
    }


def _shown(name: str, value: str) -> str:
    """Return what is kept of a value: of a secret a digest that takes long to make, so that it cannot be guessed."""
    if not isinstance(value, Secret) or not value:
        return str(value)
    digest = hashlib.scrypt(value.reveal().encode(), salt=name.encode(), n=2**14, r=8, p=1, dklen=8)
    return _DIGEST + digest.hex()


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name, "") != after.get(name, "")
    )
    changes = {name: _change(before.get(name, ""), after.get(name, "")) for name in changed[:MOST_NAMED]}
    return changes | ({"others": str(len(changed) - MOST_NAMED)} if len(changed) > MOST_NAMED else {})


def _change(before: str, after: str) -> str:
    if _DIGEST in (before[: len(_DIGEST)], after[: len(_DIGEST)]):
        return "changed" if before and after else "set" if after else "removed"
    return f"{before or '(default)'} → {after or '(default)'}"
