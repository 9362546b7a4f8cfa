"""Settings of the earlier connectors become ours: compared with what is set, proven against ThreatQ, then written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, structs

from producers.cli.first_checks import check_host, check_login, check_logrhythm_status, check_status
from tqctl.migration.checklist import ChecklistItem, open_question, taken
from tqctl.shell import with_short_timeouts
from workers.core.errors import BadCredentials, ConfigError, ServiceAway
from workers.settings.loading import Loaded
from workers.settings.model import Secret, Settings, fields, missing, threatq_needs
from workers.settings.values import Given, to_value

#: What proves a status, by its setting.
_STATUS_CHECKS: dict[str, Callable[[Settings], None]] = {
    "threatq_status": check_status,
    "logrhythm_status": check_logrhythm_status,
}


class Adoption(Struct):
    """Settings that can be taken over, with where they were found, and the items of the checklist so far."""

    loaded: Loaded
    wanted: dict[str, Given]
    items: list[ChecklistItem]
    reaches_threatq: bool = False

    @property
    def settings(self) -> Settings:
        """The settings as they are once all of it is taken over."""
        annotations = fields()
        values = {name: to_value(name, given, annotations[name]) for name, given in self.wanted.items()}
        return structs.replace(self.loaded.settings, **values)

    def offer(self, theirs: Mapping[str, Given]) -> None:
        """Compare what they have with what is set: what is not set is wanted, what differs is for an operator."""
        annotations = fields()
        for name, given in theirs.items():
            try:
                value = to_value(name, given, annotations[name])
            except ConfigError as error:
                self.items.append(open_question(name, str(error), "set it yourself"))
                continue
            earlier = self.wanted.get(name)
            present = getattr(self.loaded.settings, name) if name in self.loaded.origins else None
            if earlier is not None and to_value(name, earlier, annotations[name]) != value:
                why = f"{earlier.origin} and {given.origin} differ; that of {earlier.origin} is taken"
                self.items.append(open_question(name, why, "set another one in tq.yaml if that is wrong"))
            elif present is None:
                self.wanted[name] = earlier or given
            elif present == value:
                self.items.append(taken(name, f"{self.loaded.shown(name)} ({self.loaded.origins[name]})"))
            else:
                shown = "another one" if isinstance(value, Secret) else given.text
                why = (
                    f"{given.origin} has {shown}; {self.loaded.origins[name]} says {self.loaded.shown(name)}"
                )
                self.items.append(
                    open_question(name, why, "what is set stays; correct it there if that is wrong")
                )

    def prove(self) -> None:
        """Try host, login and statuses; what ThreatQ does not accept is an operator's to decide."""
        if not self.settings.threatq_url:
            return
        try:
            check_host(with_short_timeouts(self.settings))
            self._log_in()
            for name in self.wanted.keys() & _STATUS_CHECKS.keys() if self.reaches_threatq else ():
                self._prove_status(name)
        except ServiceAway as error:
            self._give_up(
                "ThreatQ", str(error), "nothing is written until it answers; run this again then", 3
            )
        except ConfigError as error:
            self._give_up("ThreatQ", str(error), "correct what is named, and run this again", 2)

    def _log_in(self) -> None:
        settings = with_short_timeouts(self.settings)
        if absent := missing(settings, threatq_needs(settings)):
            self.items.append(
                open_question("login", f"{', '.join(absent)}: not in their files", "run tqctl setup")
            )
            return
        try:
            check_login(settings)
        except BadCredentials as error:
            if self.wanted.pop("threatq_password", None) is None:
                raise
            why = f"{error}. Their file may hold the password encrypted"
            self.items.append(
                open_question("threatq_password", why, "it is not taken over; run tqctl setup", code=2)
            )
            return
        self.reaches_threatq = True

    def _prove_status(self, name: str) -> None:
        try:
            _STATUS_CHECKS[name](with_short_timeouts(self.settings))
        except ConfigError as error:
            del self.wanted[name]
            self.items.append(open_question(name, str(error), f"it is not taken over; set {name} in tq.yaml"))

    def _give_up(self, what: str, why: str, remedy: str, code: int) -> None:
        self.wanted.clear()
        self.reaches_threatq = False
        self.items.append(open_question(what, why, remedy, code=code))

    def told(self, *, is_done: bool) -> list[ChecklistItem]:
        """Return an item for each setting that is wanted."""
        annotations = fields()
        return [
            taken(name, f"{_shown(name, given, annotations[name])} (from {given.origin})", is_done=is_done)
            for name, given in self.wanted.items()
        ]


def _shown(name: str, given: Given, annotation: object) -> str:
    value = to_value(name, given, annotation)
    return "***" if isinstance(value, Secret) else " ".join(str(value).split())
