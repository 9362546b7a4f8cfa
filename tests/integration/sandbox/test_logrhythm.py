"""The simulated LogRhythm: every line of what is known about the real one."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.tokens import mint
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm, summary_of
from tests.support.waiting import until

pytestmark = pytest.mark.integration

OWNER_TEXT = "Invalid owner id available in request body"


def item(value: str, kind: str = "StringValue", data: str = "String", **more: Any) -> dict[str, Any]:
    return {"value": value, "displayValue": value, "listItemDataType": data, "listItemType": kind, **more}


def refusal(answer: requests.Response) -> tuple[int, str]:
    told = answer.json()
    return answer.status_code, "; ".join([told["message"], *told.get("validationErrors", [])])


# --- who may call


@pytest.mark.parametrize("token", ["", "nonsense", mint(valid_s=-1)])
def test_a_missing_broken_or_expired_token_is_401(logrhythm: SandboxLogRhythm, token: str) -> None:
    assert logrhythm.api("GET", "/lists/", Authorization=f"Bearer {token}").status_code == 401


def test_an_analyst_may_read_but_not_write(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: FQDN", "a.example")["guid"]
    who = f"Bearer {mint(99, role='restrictedAnalyst')}"
    assert logrhythm.api("GET", f"/lists/{guid}/", Authorization=who).status_code == 200
    answer = logrhythm.api("POST", f"/lists/{guid}/items/", {"items": []}, Authorization=who)
    assert answer.status_code == 403
    assert not logrhythm.api("GET", "/permissions/", Authorization=who).json()["lists"]["write"]


# --- finding lists


def test_filters_are_headers_and_query_parameters_mean_nothing(logrhythm: SandboxLogRhythm) -> None:
    for name in ("ThreatQ: FQDN", "ThreatQ: FQDN: High", "Other"):
        logrhythm.fill(name)
    found = logrhythm.api("GET", "/lists/?name=Other&pageSize=1", name="ThreatQ: FQDN").json()
    assert [item["name"] for item in found] == ["ThreatQ: FQDN", "ThreatQ: FQDN: High"]


def test_a_name_filter_below_three_characters_is_400(logrhythm: SandboxLogRhythm) -> None:
    assert logrhythm.api("GET", "/lists/", name="Th").status_code == 400


def test_a_page_holds_a_hundred_lists_unless_the_header_says_otherwise(logrhythm: SandboxLogRhythm) -> None:
    for number in range(103):
        logrhythm.fill(f"List {number}")
    assert len(logrhythm.api("GET", "/lists/").json()) == 100
    assert len(logrhythm.api("GET", "/lists/", pageNumber="2").json()) == 3
    assert len(logrhythm.api("GET", "/lists/", pageSize="1000").json()) == 103


def test_type_and_editability_filter_too(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fill("Addresses", list_type="IP")
    logrhythm.fill("Hashes")
    assert [item["name"] for item in logrhythm.api("GET", "/lists/", listType="IP").json()] == ["Addresses"]
    assert len(logrhythm.api("GET", "/lists/", canEdit="true").json()) == 2
    assert logrhythm.api("GET", "/lists/", canEdit="false").json() == []
    assert logrhythm.api("GET", "/lists/", listType="Nonsense").status_code == 400


@pytest.mark.parametrize("slash", ["", "/"])
def test_both_spellings_of_a_path_work_without_a_redirect(logrhythm: SandboxLogRhythm, slash: str) -> None:
    answer = logrhythm.api("POST", f"/lists{slash}", summary_of("ThreatQ: MD5"))
    assert answer.status_code == 201
    assert logrhythm.api("GET", f"/lists/{answer.json()['guid']}{slash}").status_code == 200


# --- making and changing lists


def test_the_guid_in_the_body_decides_between_create_and_update(logrhythm: SandboxLogRhythm) -> None:
    made = logrhythm.api("POST", "/lists/", summary_of("ThreatQ: MD5", guid="UNKNOWN"))
    assert made.status_code == 201
    guid = made.json()["guid"]
    assert guid not in ("UNKNOWN", "")
    assert guid == guid.upper()
    assert "revisitDate" not in made.json()
    again = logrhythm.api("POST", "/lists/", summary_of("ThreatQ: MD5", guid=guid, status="Retired"))
    assert (again.status_code, again.json()["status"]) == (200, "Retired")
    assert "revisitDate" in again.json()


def test_a_public_name_is_taken_a_private_one_is_not(logrhythm: SandboxLogRhythm) -> None:
    private = {"readAccess": "Private", "writeAccess": "Private"}
    assert logrhythm.api("POST", "/lists/", summary_of("Mine", **private)).status_code == 201
    assert logrhythm.api("POST", "/lists/", summary_of("Mine", **private)).status_code == 201
    assert logrhythm.api("POST", "/lists/", summary_of("Ours")).status_code == 201
    answer = logrhythm.api("POST", "/lists/", summary_of("Ours"))
    assert refusal(answer) == (409, "Public List with this name already exists.")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        # an enumeration
        ({"listType": "Nonsense"}, "body.listType must match one of the following: Application,"),
        ({"status": "Gone"}, "body.status"),
        # contexts: never empty, never for other than GeneralValue
        ({"useContext": []}, "body.useContext.0 must match one of the following: None,Address"),
        ({"useContext": None}, "body.useContext.0"),
        ({"useContext": [None]}, "body.useContext.0"),
        ({"listType": "IP", "useContext": ["Hash"]}, "body.useContext.0"),
        ({"useContext": ["ObjectType"]}, "body.useContext.0"),
        # a time to live on a list that never expires
        ({"timeToLiveSeconds": 0}, "1200"),
        ({"timeToLiveSeconds": 1199}, "1200"),
        ({"entityName": "Nowhere"}, "entityName"),
        ({"readAccess": "Private"}, "readAccess"),
        ({"doesExpire": "no"}, "doesExpire"),
        ({"autoImportOption": {}}, "autoImportOption.enabled"),
    ],
)
def test_a_faulty_summary_is_400_with_every_fault(
    logrhythm: SandboxLogRhythm, changes: dict[str, Any], word: str
) -> None:
    status, said = refusal(logrhythm.api("POST", "/lists/", summary_of("ThreatQ: MD5", **changes)))
    assert status == 400
    assert word in said


def test_a_required_field_that_is_missing_is_named(logrhythm: SandboxLogRhythm) -> None:
    body = summary_of("ThreatQ: MD5")
    del body["restrictedRead"]
    assert "body.restrictedRead is required" in refusal(logrhythm.api("POST", "/lists/", body))[1]


@pytest.mark.parametrize("owner", [None, 0, 4711, 14, 15])
def test_from_7_5_1_the_owner_must_be_active_and_made_by_the_administrator(
    logrhythm: SandboxLogRhythm, owner: int | None
) -> None:
    answer = logrhythm.api("POST", "/lists/", summary_of("ThreatQ: MD5", owner=owner))
    assert refusal(answer) == (400, OWNER_TEXT)


def test_7_4_takes_a_list_without_owner() -> None:
    with running_logrhythm(LogRhythmConfig(mode="7.4")) as logrhythm:
        body = summary_of("ThreatQ: MD5", owner=0, useContext=["ObjectType"])
        assert logrhythm.api("POST", "/lists/", body).status_code == 201


def test_a_list_cannot_be_deleted(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: FQDN")["guid"]
    assert logrhythm.api("DELETE", f"/lists/{guid}/").status_code in (404, 405)


# --- items


def test_a_list_over_the_threshold_is_400_and_sends_no_items(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5", count=1001)["guid"]
    status, said = refusal(logrhythm.api("GET", f"/lists/{guid}/"))
    assert status == 400
    assert said == (
        "List has more than '1000' items. Please change 'MaxItemsThreshold' header to appropriate value."
    )
    told = logrhythm.api("GET", f"/lists/{guid}/", maxItemsThreshold="1001").json()
    assert (len(told["items"]), told["entryCount"], told["listItemsCount"]) == (1001, 1001, 0)


def test_items_are_left_out_when_there_are_none(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5")["guid"]
    assert "items" not in logrhythm.api("GET", f"/lists/{guid}/").json()


def test_an_item_comes_back_as_it_was_sent(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: URL")["guid"]
    sent = [item('http://a.example/?q="},{"\\'), item("x", displayValue="shown", isPattern=True)]
    assert logrhythm.api("POST", f"/lists/{guid}/items/", {"items": sent}).json()["entryCount"] == 2
    items = logrhythm.api("GET", f"/lists/{guid}/").json()["items"]
    defaults = {"expirationDate": None, "isExpired": False, "isListItem": False, "isPattern": False}
    assert items == [{**defaults, **entry} for entry in sent]


def test_duplicates_are_ignored_and_absent_ones_may_be_removed(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5", "a")["guid"]
    added = logrhythm.api("POST", f"/lists/{guid}/items/", {"items": [item("a"), item("b"), item("b")]})
    assert (added.json()["entryCount"], added.json()["listItemsCount"]) == (2, 0)
    assert "items" not in added.json()
    gone = logrhythm.api("DELETE", f"/lists/{guid}/items/", {"items": [item("a"), item("zz")]})
    assert gone.json()["entryCount"] == 1
    loaded = logrhythm.api("POST", f"/lists/{guid}/items/", {"items": []}, loadListItems="true").json()
    assert [entry["value"] for entry in loaded["items"]] == ["b"]


def test_duplicates_can_be_made_an_error(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.control("behaviour", {"duplicates": "error"})
    guid = logrhythm.fill("ThreatQ: MD5", "a")["guid"]
    answer = logrhythm.api("POST", f"/lists/{guid}/items/", {"items": [item("b"), item("a")]})
    assert answer.status_code == 400
    assert logrhythm.values(guid) == ["a"]


def test_a_call_with_too_many_items_is_400(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5")["guid"]
    items = [item(str(number)) for number in range(1001)]
    assert logrhythm.api("POST", f"/lists/{guid}/items/", {"items": items}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "bad"), [("IP", "a.example"), ("IP", "10.0.0.300"), ("IPRange", "10.0.0.0/8")]
)
def test_address_lists_take_addresses_only_and_all_or_nothing(
    logrhythm: SandboxLogRhythm, kind: str, bad: str
) -> None:
    guid = logrhythm.fill("ThreatQ: Addresses", list_type=kind)["guid"]
    good = {"IP": "2001:db8::1", "IPRange": "10.0.0.0,10.0.0.255"}[kind]
    answer = logrhythm.api(
        "POST", f"/lists/{guid}/items/", {"items": [item(good, kind, kind), item(bad, kind, kind)]}
    )
    assert refusal(answer)[0] == 400
    assert "body.items.1" in refusal(answer)[1]
    assert logrhythm.values(guid) == []
    assert logrhythm.api("POST", f"/lists/{guid}/items/", {"items": [item(good, kind, kind)]}).ok


def test_two_writers_of_one_list_deadlock_and_one_wins(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.control("behaviour", {"write_ms": 300})
    guid = logrhythm.fill("ThreatQ: MD5")["guid"]
    first: list[requests.Response] = []
    body = {"items": [item("a")]}
    thread = threading.Thread(
        target=lambda: first.append(logrhythm.api("POST", f"/lists/{guid}/items/", body))
    )
    thread.start()
    until(lambda: logrhythm.calls("POST /lists/{id}/items/"))
    second = logrhythm.api("DELETE", f"/lists/{guid}/items/", body)
    thread.join(10)
    assert first[0].status_code == 200
    assert second.status_code == 500
    assert "was deadlocked" in second.json()["message"]


# --- people


def test_7_5_1_shows_users_only(logrhythm: SandboxLogRhythm) -> None:
    users = logrhythm.api("GET", "/users/?userStatus=active").json()
    assert "Former Role" not in [user["fullName"] for user in users]
    jane = next(user for user in users if user["fullName"] == "Doe, Jane")
    assert (jane["userType"], jane["objectPermissions"]["owner"]["id"]) == ("Individual", -100)
    assert logrhythm.api("GET", "/users/12/login/").json()["userId"] == 12
    assert logrhythm.api("GET", "/persons/").status_code == 404


def test_7_4_shows_persons_only_and_404_for_no_match() -> None:
    with running_logrhythm(LogRhythmConfig(mode="7.4")) as logrhythm:
        role = logrhythm.api("GET", "/persons/12/").json()
        assert (role["personType"], role["user"]["id"], role["user"]["personid"]) == ("Role", 5, 12)
        assert len(logrhythm.api("GET", "/persons/?offset=1&count=2").json()) == 2
        assert logrhythm.api("GET", "/persons/?name=nobody").status_code == 404
        assert logrhythm.api("GET", "/users/").status_code == 404


# --- faults, and the page


def test_faults_strike_as_often_as_they_were_ordered(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fault(too_many=1, retry_after=7, unauthorized=1, errors=1)
    answers = [logrhythm.api("GET", "/lists/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 429, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"


@pytest.mark.parametrize(("fault", "values"), [("drop_before", []), ("drop_after", ["a"])])
def test_a_connection_can_break_before_or_after_the_work(
    logrhythm: SandboxLogRhythm, fault: str, values: list[str]
) -> None:
    guid = logrhythm.fill("ThreatQ: MD5")["guid"]
    logrhythm.fault(**{fault: 1})
    with pytest.raises(requests.ConnectionError):
        logrhythm.api("POST", f"/lists/{guid}/items/", {"items": [item("a")]})
    assert logrhythm.values(guid) == values


def test_answers_can_be_slow(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fault(latency_ms=200)
    began = time.monotonic()
    logrhythm.api("GET", "/lists/")
    assert time.monotonic() - began >= 0.2
    logrhythm.control("faults", method="DELETE")
    assert logrhythm.control("faults", method="GET")["latency_ms"] == 0


def test_lists_can_be_retired_changed_and_removed_by_hand(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5", "a", "b")["guid"]
    assert logrhythm.control(f"lists/{guid}/retire")["status"] == "Retired"
    assert logrhythm.control(f"lists/{guid}/values", ["a"], "DELETE")["entryCount"] == 1
    logrhythm.control(f"lists/{guid}", method="DELETE")
    assert logrhythm.api("GET", f"/lists/{guid}/").status_code == 404


def test_calls_are_counted_by_route(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5")["guid"]
    logrhythm.api("GET", f"/lists/{guid}")
    logrhythm.api("GET", f"/lists/{guid}/")
    assert logrhythm.calls("GET /lists/{id}/") == 2


def test_the_page_shows_the_lists_and_escapes_them(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fill("<b>ThreatQ</b>", "<script>", list_type="GeneralValue")
    page = logrhythm.http.get(f"{logrhythm.url}/", timeout=10).text
    assert "&lt;b&gt;ThreatQ&lt;/b&gt;" in page
    assert "<code>&lt;script&gt;</code>" in page
    assert "ThreatQ Sync" in page
    assert "http://" not in page


def test_buttons_of_the_page_switch_faults_on_and_off(logrhythm: SandboxLogRhythm) -> None:
    def pull(lever: str, **form: str) -> str:
        return requests.post(f"{logrhythm.url}/panel/{lever}", data=form, timeout=5).text

    shown = pull("fault", usual="429 for 10 calls")
    faults = requests.get(f"{logrhythm.url}/sandbox/faults", timeout=5).json()
    after = pull("faults-off")

    assert "too many" in shown
    assert (faults["too_many"], faults["retry_after"]) == (10, 2.0)
    assert "Everything works as it should" in after


def test_a_form_of_another_site_switches_no_fault_on(logrhythm: SandboxLogRhythm) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}

    answer = requests.post(
        f"{logrhythm.url}/panel/fault", data={"usual": "Outage"}, headers=headers, timeout=5
    )

    assert answer.status_code == 403
    assert requests.get(f"{logrhythm.url}/sandbox/faults", timeout=5).json()["drop_before"] == 0
