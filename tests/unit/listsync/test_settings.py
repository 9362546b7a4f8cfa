"""The settings of the list sync."""

from __future__ import annotations

import pytest

from workers.core.errors import ConfigError
from workers.listsync.plan.guard import DeleteGuard
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.plan import Rules
from workers.listsync.plan.settings import collections_of, rules_of, types_of
from workers.settings.model import Settings
from workers.threatq.score_bands import ScoreBands, bands_of


def test_the_settings_defaults_are_the_defaults_of_planning() -> None:
    assert rules_of(Settings()) == Rules(guard=DeleteGuard())
    assert bands_of(Settings()) == ScoreBands()


def test_a_type_that_configuration_adds_gets_lists() -> None:
    settings = Settings(
        sync_types="CVE: {listType: GeneralValue, form: text, useContext: [CVE]}",
        sync_collections='---\nA: "CVE lists: "\n',
    )

    assert types_of(settings)["CVE"].use_context == ("CVE",)
    assert collections_of(settings) == (ListFamily.of("A", "CVE lists: "),)


@pytest.mark.parametrize("bands", ["", "10, 9, 7", "10, 9, 7, five", "10, 9, 9, 5"])
def test_bands_that_are_not_four_falling_numbers_are_refused(bands: str) -> None:
    with pytest.raises(ConfigError, match="Very High"):
        bands_of(Settings(sync_score_bands=bands))


@pytest.mark.parametrize("text", ["- CVE", "CVE: [", "CVE: 7"])
def test_type_changes_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="sync_types"):
        types_of(Settings(sync_types=text))
