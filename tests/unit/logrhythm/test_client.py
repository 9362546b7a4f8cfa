"""The LogRhythm client's pure parts: tokens, pauses, answers, names."""

from __future__ import annotations

import time
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.logrhythm.tokens import mint
from workers.core.errors import ConfigError, Rejected, ServiceAway
from workers.logrhythm.errors import Deadlock, failure, words
from workers.logrhythm.lists import name_filter
from workers.logrhythm.model import ListKind, changed_list, new_list, summary
from workers.logrhythm.owners import fetch_people
from workers.logrhythm.token import Token, read_token
from workers.logrhythm.transport import LogRhythmTransport
from workers.settings.model import Secret, Settings


def test_a_token_says_whose_it_is_and_how_long_it_lasts() -> None:
    token = read_token(Secret(mint(uid=5, valid_s=100)))
    left = token.seconds_left(time.time())
    assert token.uid == 5
    assert left is not None
    assert 90 < left <= 100


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "a.é.c", "..", "a.bm9uZQ.c"])
def test_what_is_no_token_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^logrhythm_token: is n") as caught:
        read_token(Secret(text))
    assert caught.value.__cause__ is None


def test_a_token_that_no_header_can_hold_is_told_as_a_setting() -> None:
    settings = Settings(logrhythm_url="http://127.0.0.1:1", logrhythm_token=Secret("two\nlines"))
    with pytest.raises(ConfigError, match="check address, proxy and token of LogRhythm"):
        LogRhythmTransport(settings).call("GET", "/lists/")


@given(st.text(max_size=60))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    try:
        answer: Token | str | None = read_token(Secret(text))
    except ConfigError as error:
        answer = error.field
    assert answer == "logrhythm_token" or isinstance(answer, Token)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"statusCode":400,"message":"Bad Request","validationErrors":["body.x"]}', "Bad Request; body.x"),
        (b'{"details":"older"}', "older"),
        (b"upstream connect error\n", "upstream connect error"),
        (b"[1]", "[1]"),
        (b'{"validationErrors":"text"}', ""),
        (b"\xff", "\ufffd"),
        (b"", ""),
    ],
)
def test_an_error_body_of_any_shape_is_read(body: bytes, said: str) -> None:
    assert words(body) == said


@pytest.mark.parametrize("said", [b"Transaction was deadlocked on lock resources", b"Deadlock found"])
def test_a_deadlock_is_known_by_its_name_whatever_its_case(said: bytes) -> None:
    assert isinstance(failure(500, said, {}, "POST /lists/{guid}/items/"), Deadlock)


@given(st.integers(300, 599), st.binary(max_size=80))
def test_every_refusal_becomes_one_of_our_errors(status: int, body: bytes) -> None:
    error = failure(status, body, {}, "GET /lists/")
    assert isinstance(error, ServiceAway | ConfigError | Rejected)


@given(st.text(max_size=40))
def test_a_name_filter_is_part_of_the_name_and_fits_into_a_header(name: str) -> None:
    part = name_filter(name)
    assert part in name
    assert part.isascii()
    assert part == "" or len(part) >= 3
    assert part == part.strip()


@pytest.mark.parametrize(
    ("text", "url"),
    [("lr.example", "https://lr.example:8501"), ("https://lr.example:443/", "https://lr.example:443")],
)
def test_the_gateway_is_at_port_8501_unless_told(text: str, url: str) -> None:
    transport = LogRhythmTransport(Settings(logrhythm_url=text, logrhythm_token=Secret(mint())))
    assert transport.url == url
    assert mint() not in repr(vars(transport))
    transport.close()


@pytest.mark.parametrize("text", ["", "http://lr.example"])
def test_no_address_and_plain_http_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="logrhythm_url"):
        LogRhythmTransport(Settings(logrhythm_url=text))


def test_context_goes_only_to_lists_that_take_one() -> None:
    made = new_list(
        "x", ListKind("IP", ("Hash",)), owner=1, entity="e", read_access="PublicAll", write_access="PublicAll"
    )
    assert "useContext" not in made
    listed = summary(
        {"guid": "G", "name": "x", "listType": "IP", "useContext": ["None"], "timeToLiveSeconds": 0}
    )
    assert changed_list(listed, status="Retired") == {
        "guid": "G",
        "name": "x",
        "listType": "IP",
        "status": "Retired",
    }


def test_a_summary_may_come_in_an_array() -> None:
    assert summary([{"guid": "G", "name": "x", "listType": "IP"}]).guid == "G"
    with pytest.raises(ServiceAway, match="do not know"):
        summary({"name": "x"})


class EndlessPeople:
    """A gateway that knows a thousand people and gives all of them for every page."""

    def call(self, _method: str, _path: str, **_: object) -> list[dict[str, object]]:
        return [{"id": number, "lastName": f"Role {number}"} for number in range(1_000)]


def test_people_that_come_again_on_every_page_end() -> None:
    people = fetch_people(cast(LogRhythmTransport, EndlessPeople()), v751=True)
    assert [person.id for person in people] == list(range(1_000))
