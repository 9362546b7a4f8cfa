"""The fields of a page, by our names, by the guide's labels, and by those of other connectors."""

from __future__ import annotations

import pytest

from workers.core.errors import ConfigError
from workers.settings.model import Settings
from workers.settings.page_fields import PageField, nearest, read_page, unknown_names
from workers.settings.pages import (
    EVENTS_BUILDER,
    LOGRHYTHM,
    logrhythm_values,
    unknown_fields,
    with_logrhythm_page,
    with_page,
)

#: LogRhythm's page as the guide shows it: every label, and a value for it.
GUIDE = {
    "LogRhythm Host": "lr.example",
    "LogRhythm API Port": "8502",
    "Check this box if LogRhythm is version 7.5.1 or higher": "",
    "Name of the LogRhythm user owning the Threat Lists in LogRhythm NOT the username, but the name of the user as it "
    "appears in LogRhythm": "ThreatQ Sync",
    "JW Token": "a.b.c",
    "A ThreatQ data collection with IOCs to add to LogRhythm": '---\nBlocks:\n  baseName: "ThreatQ: "',
    "Select the sync method between ThreatQ and LogRhythm": "Fully sync (add and delete) ThreatQ data collections with "
    "LogRhythm lists",
    "Maximum number of LogRhythm indicators to compare against during the sync": "5000",
}


@pytest.mark.parametrize(
    "label", ["private_ips", "Private IPs", "private-ips", "PrivateIPs", " private ips "]
)
def test_private_addresses_are_read_under_each_spelling_of_their_label(label: str) -> None:
    assert with_page(Settings(), {label: "203.0.113.7"}).private_ips == "203.0.113.7"


def test_every_label_of_the_guide_is_read_on_logrhythms_page() -> None:
    settings = with_logrhythm_page(Settings(), GUIDE)
    assert settings.logrhythm_url == "https://lr.example:8502"
    assert (settings.logrhythm_v751, settings.logrhythm_owner) == (False, "ThreatQ Sync")
    assert settings.logrhythm_token.reveal() == "a.b.c"
    assert (settings.sync_method, settings.sync_max_items) == ("full", 5000)
    assert settings.sync_collections.startswith("---\nBlocks:")
    assert unknown_fields(LOGRHYTHM, GUIDE) == ()


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("add", "add"),
        ("Add indicators from ThreatQ data collections to LogRhythm lists", "add"),
        ("Only add IOCs", "add"),
        ("full", "full"),
        ("full_sync", "full"),
        ("Full synchronization", "full"),
        ("fully sync (add and delete) threatq data collections with logrhythm lists", "full"),
    ],
)
def test_a_sync_method_is_read_by_its_word_and_by_the_label_of_its_option(text: str, method: str) -> None:
    assert with_logrhythm_page(Settings(), {"Synchronization method": text}).sync_method == method


def test_a_sync_method_that_says_neither_is_refused() -> None:
    with pytest.raises(ConfigError, match="add or full"):
        with_logrhythm_page(Settings(), {"sync_method": "delete"})


@pytest.mark.parametrize(
    ("text", "is_checked"), [("1", True), ("True", True), ("on", True), ("False", False), ("", False)]
)
def test_a_box_is_checked_or_not_however_it_is_sent(text: str, is_checked: bool) -> None:
    assert with_logrhythm_page(Settings(), {"logrhythm_v751": text}).logrhythm_v751 is is_checked


def test_a_collection_and_its_base_name_in_two_fields_become_the_guides_text() -> None:
    shown = {"Data collection": "LogRhythm-IOCList", "Base name": "ThreatQ: ", "Split by": "scoreRange"}
    assert logrhythm_values(shown)["sync_collections"] == (
        '"LogRhythm-IOCList":\n  baseName: "ThreatQ: "\n  splitBy: "scoreRange"'
    )
    assert unknown_fields(LOGRHYTHM, shown) == ()


def test_a_setting_that_a_page_says_twice_and_differently_is_refused_and_an_empty_one_gives_way() -> None:
    assert (
        with_page(Settings(), {"private_ips": "", "Private IPs": "203.0.113.7"}).private_ips == "203.0.113.7"
    )
    assert (
        with_page(Settings(), {"Private IPs": "203.0.113.7", "private_ips": ""}).private_ips == "203.0.113.7"
    )
    with pytest.raises(ConfigError, match=r"'private_ips' and as 'Private IPs'.*empty one"):
        with_page(Settings(), {"private_ips": "203.0.113.8", "Private IPs": "203.0.113.7"})


def test_what_means_nothing_is_named_and_a_slip_is_guessed() -> None:
    shown = {"Privat IPs": "203.0.113.7", "Verify SSL": "true", "private_ips": ""}
    assert unknown_names(EVENTS_BUILDER, shown) == ("Privat IPs", "Verify SSL")
    assert (nearest(EVENTS_BUILDER, "Privat IPs"), nearest(EVENTS_BUILDER, "Verify SSL")) == (
        "Private IPs",
        "",
    )


@pytest.mark.parametrize("page", [EVENTS_BUILDER, LOGRHYTHM], ids=["Events Builder", "LogRhythm"])
def test_no_name_stands_for_two_fields(page: tuple[PageField, ...]) -> None:
    names = [(name, field.name) for field in page for name in field.names]
    assert [(name, *read_page(page, {name: "1"})) for name, _ in names] == names
