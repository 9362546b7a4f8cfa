"""The settings that decide what a run reads, writes and deletes: resolved once, and the same for every worker of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct, structs

from workers.core.errors import InputError
from workers.listsync.plan.plan import Method
from workers.settings.model import Settings, env_name

#: Those that the delete guard looks at; an approval is carried out under them.
GUARDING = (
    "sync_method",
    "sync_list_maximum",
    "sync_delete_max_count",
    "sync_delete_max_percent",
    "sync_foreign_entries",
    "sync_abandoned",
    "sync_statuses_kept_out",
    "known_good",
    "known_good_actions",
)


#: Characters of two values up to which a difference shows them: a mapping of twenty lines is not shown.
LONGEST_SHOWN = 40


class Decisions(Struct, frozen=True, kw_only=True):
    """Settings of a run, each under the setting's own name."""

    sync_collections: str
    sync_method: Method
    sync_max_items: int
    sync_list_maximum: int
    sync_delete_max_count: int
    sync_delete_max_percent: float
    sync_foreign_entries: Literal["keep", "delete"]
    sync_statuses_kept_out: str
    known_good: bool
    known_good_actions: str
    sync_abandoned: Literal["report", "retire"] = "report"
    sync_types: str
    sync_score_bands: str
    sync_score_zero: Literal["Not Scored", "Very Low"]

    @classmethod
    def of(cls, settings: Settings, recorded: Mapping[str, Any] | None = None) -> Decisions:
        """Return what was recorded, and what the settings say about the rest; raises InputError for a wrong record.

        A record of another version may lack a setting, or have one more.
        """
        own = {name: getattr(settings, name) for name in cls.__struct_fields__}
        try:
            return msgspec.convert({**own, **(recorded or {})}, cls)
        except msgspec.ValidationError as error:
            raise InputError(
                f"what was recorded of the run's settings is wrong: {error}", field="settings"
            ) from error

    def over(self, settings: Settings) -> Settings:
        """Return a worker's settings with those of the run in place of its own."""
        return structs.replace(settings, **structs.asdict(self))

    def guarding(self) -> dict[str, Any]:
        """Return those that the delete guard looks at, by name."""
        return {name: getattr(self, name) for name in GUARDING}

    @property
    def foreign_stays(self) -> bool:
        """Whether entries of others stay in the lists."""
        return self.sync_method == "add" or self.sync_foreign_entries == "keep"

    def differences(self, settings: Settings) -> Iterator[str]:
        """Say in which settings a worker differs from its run."""
        for name, value in structs.asdict(self).items():
            own = getattr(settings, name)
            is_short = len(f"{own}{value}") < LONGEST_SHOWN and "\n" not in f"{own}{value}"
            if own != value:
                yield f"{env_name(name)} " + (
                    f"is {own} there, {value} in this run" if is_short else "differs"
                )

    def sentence(self) -> str:
        """Say what decides about deletes, for the report of a run."""
        return (
            f"Method {self.sync_method}; more than {self.sync_delete_max_count:,} deletes and more than"
            f" {self.sync_delete_max_percent:g} % of a list wait for approval; at most"
            f" {self.sync_list_maximum:,} entries a list; entries of others: {self.sync_foreign_entries}"
        )
