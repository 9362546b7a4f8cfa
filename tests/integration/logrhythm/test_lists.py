"""Lists of the LogRhythm client against the simulated Admin API: found by their whole name, made, retired."""

from __future__ import annotations

import pytest

from tests.support.logrhythm_lists import HASHES
from tests.support.sandbox_logrhythm import SandboxLogRhythm
from workers.core.errors import Rejected
from workers.logrhythm.errors import NameTaken
from workers.logrhythm.model import ListKind

pytestmark = pytest.mark.integration


def test_a_list_is_found_by_its_whole_name(logrhythm: SandboxLogRhythm) -> None:
    for name in ("ThreatQ: FQDN: High", "ThreatQ: FQDN", "threatq: fqdn"):
        logrhythm.fill(name)
    found = logrhythm.client().lists.find("ThreatQ: FQDN")
    assert found is not None
    assert found.name == "ThreatQ: FQDN"


@pytest.mark.parametrize("name", ["Öl-Felder", "ab", "日本", "IOC (all) [x+]", "ThreatQ: FQDN", "+++"])
def test_any_name_is_found_although_headers_and_filters_cannot_say_it(
    logrhythm: SandboxLogRhythm, name: str
) -> None:
    logrhythm.fill("Other")
    made = logrhythm.client().ensure_list(name, HASHES)
    found = logrhythm.client().lists.find(name)
    assert found is not None
    assert found.guid == made.guid


def test_all_pages_of_lists_are_read_even_if_the_server_caps_them(logrhythm: SandboxLogRhythm) -> None:
    for number in range(203):
        logrhythm.fill(f"List {number}")
    assert len({item.name for item in logrhythm.client().lists.every()}) == 203
    logrhythm.control("behaviour", {"max_page": 100})
    assert len({item.name for item in logrhythm.client().lists.every()}) == 203


def test_several_lists_of_one_name_are_refused_and_a_public_one_wins(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client(logrhythm_read_access="Private", logrhythm_write_access="Private")
    client.lists.create("Mine", HASHES, owner=12)
    client.lists.create("Mine", HASHES, owner=12)
    with pytest.raises(Rejected, match="2 lists called 'Mine'"):
        client.lists.find("Mine")
    public = logrhythm.client().lists.create("Mine", HASHES, owner=12)
    found = client.lists.find("Mine")
    assert found is not None
    assert found.guid == public.guid


@pytest.mark.parametrize(
    "kind",
    [ListKind("IP"), ListKind("IPRange"), ListKind("Host"), ListKind("IP", ("Hash",)), HASHES],
)
def test_lists_of_every_kind_can_be_made_retired_and_revived(
    logrhythm: SandboxLogRhythm, kind: ListKind
) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: Some", kind)
    assert client.retire_list(made).is_retired
    again = client.ensure_list("ThreatQ: Some", kind)
    assert (again.guid, again.is_retired) == (made.guid, False)
    assert again.told["useContext"] == (["Hash"] if kind == HASHES else ["None"])
    assert again.told["entityName"] == "Global Entity"


def test_the_entity_is_a_setting(logrhythm: SandboxLogRhythm) -> None:
    made = logrhythm.client(logrhythm_entity="Primary Site").ensure_list("ThreatQ: MD5", HASHES)
    assert made.told["entityName"] == "Primary Site"
    with pytest.raises(Rejected, match="entityName 'Nowhere' does not exist"):
        logrhythm.client(logrhythm_entity="Nowhere").ensure_list("ThreatQ: SHA-1", HASHES)


def test_a_name_that_is_taken_is_said_and_ensure_takes_what_is_there(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    with pytest.raises(NameTaken):
        client.lists.create("ThreatQ: MD5", HASHES, owner=12)
    assert client.ensure_list("ThreatQ: MD5", HASHES).guid == made.guid


def test_a_list_whose_creation_answer_was_lost_is_taken_over(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client()
    assert client.owner == 12
    logrhythm.fault(skip=1, drop_after=1)
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    assert made.name == "ThreatQ: MD5"
    assert logrhythm.calls("POST /lists/") == 2
