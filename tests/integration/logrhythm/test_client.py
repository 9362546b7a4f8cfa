"""The LogRhythm client against the simulated Admin API: each trap of the reference."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sandbox.logrhythm.config import PEOPLE, LogRhythmConfig, Person
from sandbox.logrhythm.tokens import mint
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.support.scripted import Answer, scripted
from workers.core.errors import BadCredentials, ConfigError, MissingRights, Rejected, ServiceAway, Throttled
from workers.listsync.plan.batches import BATCH
from workers.logrhythm import entries
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.errors import Deadlock, InvalidOwner, ListGone, ListTooLong, NameTaken
from workers.logrhythm.model import ListKind, ListSummary
from workers.settings.model import Secret

pytestmark = pytest.mark.integration

HASHES = ListKind("GeneralValue", ("Hash",))
ITEMS_ADDED, ITEMS_REMOVED = "POST /lists/{id}/items/", "DELETE /lists/{id}/items/"


@pytest.fixture
def sandbox() -> Iterator[SandboxLogRhythm]:
    with running_logrhythm() as made:
        yield made


# --- lists


def test_a_list_is_found_by_its_whole_name(sandbox: SandboxLogRhythm) -> None:
    for name in ("ThreatQ: FQDN: High", "ThreatQ: FQDN", "threatq: fqdn"):
        sandbox.fill(name)
    found = sandbox.client().lists.find("ThreatQ: FQDN")
    assert found is not None
    assert found.name == "ThreatQ: FQDN"


@pytest.mark.parametrize("name", ["Öl-Felder", "ab", "日本", "IOC (all) [x+]", "ThreatQ: FQDN", "+++"])
def test_any_name_is_found_although_headers_and_filters_cannot_say_it(
    sandbox: SandboxLogRhythm, name: str
) -> None:
    sandbox.fill("Other")
    made = sandbox.client().ensure_list(name, HASHES)
    found = sandbox.client().lists.find(name)
    assert found is not None
    assert found.guid == made.guid


def test_all_pages_of_lists_are_read_even_if_the_server_caps_them(sandbox: SandboxLogRhythm) -> None:
    for number in range(203):
        sandbox.fill(f"List {number}")
    assert len({one.name for one in sandbox.client().lists.every()}) == 203
    sandbox.control("behaviour", {"max_page": 100})
    assert len({one.name for one in sandbox.client().lists.every()}) == 203


def test_several_lists_of_one_name_are_refused_and_a_public_one_wins(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client(logrhythm_read_access="Private", logrhythm_write_access="Private")
    client.lists.create("Mine", HASHES, owner=12)
    client.lists.create("Mine", HASHES, owner=12)
    with pytest.raises(Rejected, match="2 lists called 'Mine'"):
        client.lists.find("Mine")
    public = sandbox.client().lists.create("Mine", HASHES, owner=12)
    found = client.lists.find("Mine")
    assert found is not None
    assert found.guid == public.guid


@pytest.mark.parametrize(
    "kind",
    [ListKind("IP"), ListKind("IPRange"), ListKind("Host"), ListKind("IP", ("Hash",)), HASHES],
)
def test_lists_of_every_kind_can_be_made_retired_and_revived(
    sandbox: SandboxLogRhythm, kind: ListKind
) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: Some", kind)
    assert client.retire_list(made).is_retired
    again = client.ensure_list("ThreatQ: Some", kind)
    assert (again.guid, again.is_retired) == (made.guid, False)
    assert again.told["useContext"] == (["Hash"] if kind == HASHES else ["None"])
    assert again.told["entityName"] == "Global Entity"


def test_the_entity_is_a_setting(sandbox: SandboxLogRhythm) -> None:
    made = sandbox.client(logrhythm_entity="Primary Site").ensure_list("ThreatQ: MD5", HASHES)
    assert made.told["entityName"] == "Primary Site"
    with pytest.raises(Rejected, match="entityName 'Nowhere' does not exist"):
        sandbox.client(logrhythm_entity="Nowhere").ensure_list("ThreatQ: SHA-1", HASHES)


def test_a_name_that_is_taken_is_said_and_ensure_takes_what_is_there(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    with pytest.raises(NameTaken):
        client.lists.create("ThreatQ: MD5", HASHES, owner=12)
    assert client.ensure_list("ThreatQ: MD5", HASHES).guid == made.guid


def test_a_list_whose_creation_answer_was_lost_is_taken_over(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client()
    assert client.owner == 12
    sandbox.fault(skip=1, drop_after=1)
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    assert made.name == "ThreatQ: MD5"
    assert sandbox.calls("POST /lists/") == 2


# --- the owner


@pytest.mark.parametrize(
    ("name", "number"),
    [
        # as the console shows an individual
        ("Doe, Jane", 13),
        # as people write it
        ("Jane Doe", 13),
        ("ThreatQ Sync", 12),
        ("threatq sync", 12),
        (" ThreatQ Sync ", 12),
        # a number needs no look-up
        ("-100", -100),
        ("4711", 4711),
        # nothing: the token's user
        ("", 12),
    ],
)
def test_the_owner_is_found_as_the_console_shows_it(
    sandbox: SandboxLogRhythm, name: str, number: int
) -> None:
    assert sandbox.client(logrhythm_owner=name).owner == number


def test_up_to_7_4_the_login_of_the_person_owns_lists() -> None:
    with running_logrhythm(LogRhythmConfig(mode="7.4")) as sandbox:
        assert sandbox.client(logrhythm_v751=False).owner == 5


@pytest.mark.parametrize(("mode", "v751"), [("7.4", True), ("7.5.1", False)])
def test_the_other_people_endpoint_is_asked_when_the_version_is_set_wrongly(mode: str, v751: bool) -> None:
    with running_logrhythm() as sandbox:
        sandbox.control("behaviour", {"mode": mode})
        assert sandbox.client(logrhythm_v751=v751).owner in (5, 12)


def test_an_unknown_owner_is_answered_with_those_that_there_are(sandbox: SandboxLogRhythm) -> None:
    with pytest.raises(ConfigError, match=r"logrhythm_owner: .*no person called 'Treat Sync'.*'ThreatQ Sync'"):
        _ = sandbox.client(logrhythm_owner="Treat Sync").owner
    with pytest.raises(ConfigError, match="retired"):
        _ = sandbox.client(logrhythm_owner="former role").owner


def test_a_name_that_two_people_have_is_refused_with_their_numbers() -> None:
    people = (*PEOPLE, Person(id=21, last="Twin"), Person(id=22, last="Twin"))
    with running_logrhythm(LogRhythmConfig(people=people)) as sandbox:
        client = sandbox.client(logrhythm_owner="Twin")
        with pytest.raises(ConfigError, match=r"more than one person.*number 21.*number 22"):
            _ = client.owner


def test_people_beyond_the_first_page_are_found() -> None:
    crowd = tuple(Person(id=1000 + number, last=f"Role {number}") for number in range(1005))
    with running_logrhythm(LogRhythmConfig(people=(*PEOPLE, *crowd))) as sandbox:
        assert sandbox.client(logrhythm_owner="Role 1004").owner == 2004
        assert sandbox.calls("GET /users/") == 2


def test_an_owner_that_logrhythm_refuses_gives_way_to_the_user_of_the_token(
    sandbox: SandboxLogRhythm,
) -> None:
    made = sandbox.client(logrhythm_owner="Borrowed Role").ensure_list("ThreatQ: MD5", HASHES)
    assert made.owner == 12


def test_a_list_whose_owner_left_can_still_be_retired_and_revived(sandbox: SandboxLogRhythm) -> None:
    sandbox.fill("ThreatQ: MD5", owner=15)
    client = sandbox.client(logrhythm_owner="14")
    retired = client.retire_list(client.ensure_list("ThreatQ: MD5", HASHES))
    assert (retired.owner, retired.is_retired) == (12, True)
    assert client.ensure_list("ThreatQ: MD5", HASHES).owner == 12


def test_when_neither_may_own_lists_the_guides_rule_is_told(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client(logrhythm_owner="Borrowed Role", logrhythm_token=Secret(mint(uid=77)))
    with pytest.raises(
        InvalidOwner, match=r"user 14 and 77 .*Public Global Administrator, owner LogRhythmAdmin"
    ):
        client.ensure_list("ThreatQ: MD5", HASHES)


# --- entries


def put(client: LogRhythm, one: ListSummary, values: Iterable[str]) -> ListSummary:
    """Put values into a list as a run does, within one turn."""
    rest = list(values)
    with client.entries.writing() as writer:
        for start in range(0, len(rest), BATCH):
            one = writer.add(one, rest[start : start + BATCH])
    return one


def everything(client: LogRhythm, one: ListSummary, *, at_most: int) -> list[str]:
    """All that a list holds."""
    return [value for block in client.entries.read_blocks(one, at_most=at_most) for value in block]


def test_entries_are_written_call_by_call_and_read_back(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: URL", ListKind("GeneralValue", ("URL",)))
    values = [f'http://a.example/{number}?x="}},{{"\\' for number in range(2_500)]
    assert put(client, made, values).entry_count == 2_500
    assert sandbox.calls(ITEMS_ADDED) == 3
    assert everything(client, made, at_most=2_500) == values
    with client.entries.writing() as writer:
        assert writer.remove(made, values[:900]).entry_count == 1_600
    assert sandbox.calls(ITEMS_REMOVED) == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ListKind("IP"), "2001:db8::1"),
        (ListKind("IPRange"), "10.0.0.0,10.0.0.255"),
        (ListKind("Host"), "a.example"),
    ],
)
def test_entries_have_the_type_of_their_list(sandbox: SandboxLogRhythm, kind: ListKind, value: str) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: Some", kind)
    assert put(client, made, [value]).entry_count == 1
    assert sandbox.api("GET", f"/lists/{made.guid}/").json()["items"][0]["displayValue"] == value


def test_a_list_beyond_the_setting_is_not_read(sandbox: SandboxLogRhythm) -> None:
    sandbox.fill("ThreatQ: MD5", count=11)
    client = sandbox.client()
    with pytest.raises(ListTooLong, match="sync_max_items"):
        everything(client, client.ensure_list("ThreatQ: MD5", HASHES), at_most=10)


@pytest.mark.parametrize("drop", [True, False])
@pytest.mark.parametrize("size", [1, 500, 400_000, 999_000])
def test_a_list_that_is_cut_short_is_never_taken_for_the_whole(
    sandbox: SandboxLogRhythm, size: int, drop: bool
) -> None:
    sandbox.fill("ThreatQ: MD5", count=5_000)
    client = sandbox.client()
    one = client.ensure_list("ThreatQ: MD5", HASHES)
    sandbox.fault(cut_list_bytes=size, cut_by_drop=drop)
    with pytest.raises(ServiceAway):
        everything(client, one, at_most=10_000)


def test_a_whole_answer_with_fewer_items_than_it_declares_is_not_taken_for_the_list(
    sandbox: SandboxLogRhythm,
) -> None:
    sandbox.fill("ThreatQ: MD5", "a")
    one = sandbox.client().ensure_list("ThreatQ: MD5", HASHES)
    told = sandbox.api("GET", f"/lists/{one.guid}/").json() | {"entryCount": 2}
    with (
        scripted(lambda _asked: Answer(told)) as server,
        closing(LogRhythm(sandbox.settings(logrhythm_url=server.url))) as client,
        pytest.raises(ServiceAway, match="1 of 2 entries came"),
    ):
        everything(client, one, at_most=10)


def test_a_redirect_is_not_followed_with_the_token(sandbox: SandboxLogRhythm) -> None:
    sandbox.fill("ThreatQ: MD5", "a")
    one = sandbox.client().ensure_list("ThreatQ: MD5", HASHES)
    with (
        scripted(lambda _asked: Answer({})) as elsewhere,
        scripted(lambda _asked: Answer({}, status=307, headers={"Location": elsewhere.url})) as server,
        closing(LogRhythm(sandbox.settings(logrhythm_url=server.url))) as client,
    ):
        with pytest.raises(ConfigError, match="redirects are not followed"):
            client.permissions()
        with pytest.raises(ConfigError, match="redirects are not followed"):
            everything(client, one, at_most=10)
    assert (len(server.asked), elsewhere.asked) == (2, [])


def test_a_list_that_vanished_is_said_to_be_gone(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    sandbox.control(f"lists/{made.guid}", method="DELETE")
    with pytest.raises(ListGone):
        everything(client, made, at_most=10)
    with pytest.raises(ListGone):
        put(client, made, ["a"])


def test_a_value_that_the_list_cannot_take_is_named(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: IP Address", ListKind("IP"))
    with pytest.raises(Rejected, match=r"body.items.1.value 'a.example' is not an IP address"):
        put(client, made, ["10.0.0.1", "a.example"])


# --- what passes by itself


@pytest.mark.parametrize(
    ("fault", "times"), [("deadlocks", 3), ("drop_before", 3), ("drop_after", 3), ("too_many", 1)]
)
def test_what_passes_by_itself_is_tried_again_and_writes_everything_once(
    sandbox: SandboxLogRhythm, fault: str, times: int
) -> None:
    client = sandbox.client()
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    sandbox.fault(items_only=True, skip=1, **{fault: times})
    assert put(client, made, map(str, range(3_000))).entry_count == 3_000
    assert sandbox.calls(ITEMS_ADDED) == 3 + times
    assert len(sandbox.slept) == times


def test_a_pause_that_logrhythm_asks_for_is_kept_or_left_to_the_job(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client()
    sandbox.fault(too_many=1, retry_after=4)
    client.permissions()
    assert sandbox.slept == [4]
    sandbox.fault(too_many=1, retry_after=120)
    with pytest.raises(Throttled) as caught:
        client.permissions()
    assert caught.value.after == 120
    assert sandbox.slept == [4]


@pytest.mark.parametrize("asked", [None, 2])
def test_a_logrhythm_that_wants_fewer_calls_gets_one_more_and_is_left_to_the_breaker(
    sandbox: SandboxLogRhythm, asked: int | None
) -> None:
    client = sandbox.client()
    sandbox.fault(too_many=99, retry_after=asked)
    with pytest.raises(Throttled) as caught:
        client.permissions()
    assert caught.value.after == asked
    assert len(sandbox.slept) == 1


def test_tries_have_an_end(sandbox: SandboxLogRhythm) -> None:
    client = sandbox.client(tries=3)
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    sandbox.fault(deadlocks=99)
    with pytest.raises(Deadlock):
        put(client, made, ["a"])
    assert sandbox.calls(ITEMS_ADDED) == 3


def test_writers_of_one_process_go_one_at_a_time(sandbox: SandboxLogRhythm) -> None:
    sandbox.control("behaviour", {"write_ms": 5, "deadlocks": "platform"})
    client = sandbox.client()
    lists = [client.ensure_list(f"ThreatQ: {name}", HASHES) for name in ("MD5", "SHA-1", "SHA-256")]
    threads = [threading.Thread(target=put, args=(client, one, map(str, range(4_000)))) for one in lists]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sandbox.calls(ITEMS_ADDED) == 12
    assert sandbox.slept == []


def test_writers_take_the_lock_that_all_processes_share(
    sandbox: SandboxLogRhythm, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[str] = []

    @contextmanager
    def turn() -> Iterator[None]:
        turns.append("taken")
        yield
        turns.append("given back")

    client = LogRhythm(sandbox.settings(), turn=turn)
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    put(client, made, map(str, range(1_500)))
    assert turns == ["taken", "given back"]

    # a turn is short, so that others come between
    monkeypatch.setattr(entries, "TURN_S", 0)
    put(client, made, map(str, range(1_500, 4_000)))
    client.close()
    assert turns == ["taken", "given back"] * 4


# --- refusals and outages


def test_a_token_that_is_not_accepted_names_the_setting_and_the_remedy(sandbox: SandboxLogRhythm) -> None:
    expired = mint(valid_s=-5)
    client = sandbox.client(logrhythm_token=Secret(expired))
    with pytest.raises(BadCredentials, match=r"logrhythm_token: .*Third Party Applications") as caught:
        client.permissions()
    assert expired not in str(caught.value)


def test_a_token_may_have_been_copied_with_the_blanks_around_it(sandbox: SandboxLogRhythm) -> None:
    assert sandbox.client(logrhythm_token=Secret(f" {mint()}\r\n")).permissions()


def test_a_missing_right_is_said(sandbox: SandboxLogRhythm) -> None:
    guid = sandbox.fill("ThreatQ: MD5", owner=-100)["guid"]
    client = sandbox.client(logrhythm_token=Secret(mint(99, role="restrictedAdmin")))
    found = client.lists.find("ThreatQ: MD5")
    assert found is not None
    assert found.guid == guid
    with pytest.raises(MissingRights, match="Public Global Administrator"):
        put(client, found, ["a"])


def test_logrhythm_away_is_not_our_fault(sandbox: SandboxLogRhythm) -> None:
    sandbox.fault(errors=1)
    with pytest.raises(ServiceAway, match="503: upstream connect error"):
        sandbox.client().permissions()
    sandbox.fault(latency_ms=2_000)
    with pytest.raises(ServiceAway, match=r"does not answer GET /permissions/ within 0.2 s"):
        sandbox.client(logrhythm_read_timeout_s=0.2).permissions()
    with pytest.raises(ServiceAway, match="cannot be reached"):
        sandbox.client(logrhythm_url="http://127.0.0.1:9").permissions()


def test_its_own_certificate_is_trusted_when_named_and_refused_otherwise(tmp_path: Path) -> None:
    with running_logrhythm(tls=tmp_path) as sandbox:
        assert sandbox.url.startswith("https://")
        assert sandbox.client().permissions()["role"] == "globalAdmin"
        with pytest.raises(ConfigError, match=r"logrhythm_ca_file: .*self.signed certificate"):
            sandbox.client(logrhythm_ca_file="").permissions()
        with pytest.raises(ConfigError, match="is not there"):
            sandbox.client(logrhythm_ca_file=str(tmp_path / "none.pem"))
