"""Prose names the person and the moment where no field does, and nothing where it is about none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.times import read_time
from workers.mappings.generic import guess
from workers.mappings.prose import moment_in, person_in

NAMES = st.from_regex(r"[a-z]{2,12}[0-9$]?", fullmatch=True).filter(
    lambda name: person_in(f"user: {name}") is not None
)


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Subject:\r\n\tSecurity ID:\t\tS-1-5-18\r\n\tAccount Name:\t\tws-17$\r\n\tAccount Domain:\tCORP", "ws-17$"),
        ("Account Name:\t-\r\nAccount Name:\tmia", "mia"),
        (r"User: NT AUTHORITY\SYSTEM", r"NT AUTHORITY\SYSTEM"),
        ("Authentication failed for user 'mia'.   From: 203.0.113.7.", "mia"),
        ("Two networks were changed by user  mia:mia.ott@corp.example", "mia:mia.ott@corp.example"),
        ("Failed password for invalid user mia from 203.0.113.7", "mia"),
        ("Mia Ott (mia.ott@corp.example) made a token", "mia.ott@corp.example"),
        ("Failed password for mia from 203.0.113.7 port 4711 ssh2", "mia"),
        ("User mia logged in", "mia"),
        ('203.0.113.7 - mia [04/Mar/2026:05:06:07 +0100] "GET / HTTP/1.1" 200 7', "mia"),
        ('203.0.113.7 - - [04/Mar/2026:05:06:07 +0100] "GET / HTTP/1.1" 200 7', None),
        ("(17) Login OK: [CORP\\mia] (from client wlan port 8)", "CORP\\mia"),
        ("(17) Login incorrect (mschap: rejected): [mia] (from client wlan port 8)", "mia"),
        ("(17) Login OK: [host/ws-17.corp.example] (from client wlan port 8)", None),
        ("CRON[17]: (mia) CMD ( sh /a.sh)", "mia"),
        ('"203.0.113.7 uid=mia,ou=People,o=corp" GET', "mia"),
        ("CN=VPN,OU=Groups,DC=corp may connect", None),
        ('"VPN1","RAS",03/14/2026,05:06:07,2,,"CORP\\mia",,', "CORP\\mia"),
        ("Disconnected from illegal user mia 203.0.113.7 port 4711 [preauth]", "mia"),
        ("Virtual Account:\t\tNo", None),
        ("sudo[17]:   mia : TTY=pts/0 ; PWD=/ ; USER=root", "mia"),
        ("Accepted publickey for mia", "mia"),
        ("New session 5 of user mia.", "mia"),
        ("Configured from console by mia on vty0", "mia"),
        ("Changed by mia from 203.0.113.7", "mia"),
        ("The console: logged in as mia", "mia"),
        ("mia has signed out", "mia"),
        ("User mia", "mia"),
        ("Authentication of VPN user [mia] from 203.0.113.7 was rejected", "mia"),
        ('intranet.corp.example 10.0.0.7 - mia [04/Mar/2026:05:06:07 +0100] "GET /"', "mia"),
        ("a|CORP\\mia|b", "CORP\\mia"),
        ("A user has logged in", None),
        ("Nobody was not logged on", None),
        # Two addresses: nothing says which one did it.
        ("mail from a@corp.example to b@corp.example", None),
        ("A session for user accounts was closed", None),
        ("User: 17", None),
        ("username=null", None),
        ("Nothing happened", None),
    ],
)  # fmt: skip
def test_a_text_names_its_person(text: str, person: str | None) -> None:
    assert person_in(text) == person


@given(NAMES)
def test_a_person_behind_each_kind_of_word_comes_back(name: str) -> None:
    for text in (f"User name: {name}, id 7", f"for user '{name}' of", f'login="{name}"', f"by user {name}"):
        assert person_in(text) == name


@pytest.mark.parametrize(
    "moment",
    ["04/Mar/2026:05:06:07 +0000", "04/Mar/2026:05:06:07.123", "03/14/2026:05:06:07 GMT",
     "14 mar 2026 05:06:07", "14-Mar-2026 05:06:07", "2026 Mar 14 05:06:07 UTC", "03/14/2026,05:06:07",
     "Mar 14 2026 05:06:07",
     "Mar 14 05:06:07.902022 2026", "2026/03/14 05:06:07", "2026-03-14T05:06:07.1Z"],
)  # fmt: skip
def test_a_moment_that_is_found_can_be_read(moment: str) -> None:
    assert moment_in(f"[{moment}] dropped") == moment
    assert read_time(moment).replace(day=14, microsecond=0) == read_time("2026-03-14T05:06:07Z")


def test_the_moment_of_the_same_day_that_names_its_zone_comes_first() -> None:
    assert moment_in("1,2026/03/14 05:06:07,a,2026-03-14T05:06:07.5+01:00,b") == "2026-03-14T05:06:07.5+01:00"
    assert moment_in("2026/03/14 05:06:07, not after 2027-03-14T05:06:07Z") == "2026/03/14 05:06:07"
    assert moment_in("Info: 1773464767.123 0 203.0.113.7 TCP_MISS/200") == "1773464767.123"


def test_a_field_comes_before_prose() -> None:
    assert guess({"user": "mia", "message": "Changed by user 'ben'"})["person"] == "mia"
    assert guess({"alert": {"description": "Changed by user 'ben'"}})["person"] == "ben"


@pytest.mark.parametrize(
    "text",
    ['"2026-03-04","05:06:07",a', "2026-03-04\t05:06:07\ta", "a|2026/03/04|05:06:07|b", "2026-03-04, 05:06:07, a",
     "04.03.2026 05:06:07 a", "2026.03.04 05:06:07 a", "a 20260304 050607 b", "a 20260304T050607Z b",
     "a,1772600767,b", "a,1772600767123,b", "1772600767.123456 a", "2026-03-04 05:06:07:123 a",
     "04/Mar/2026 05:06:07 +0000 a", "Mar 4, 2026 5:06:07 AM", "03/4/2026 5:06:07 AM", "2026-03-04 06:06:07 CET",
     # A number that may be anything, and a day that is none, come after a clear one.
     "session 1512345678 at 2026-03-04 05:06:07", "99/99/2026 05:06:07 2026-03-04 05:06:07"],
)  # fmt: skip
def test_a_moment_in_columns_and_of_other_forms_is_read(text: str) -> None:
    moment = moment_in(text)
    assert moment is not None
    assert read_time(moment).replace(microsecond=0) == read_time("2026-03-04T05:06:07Z")


@given(
    st.datetimes(min_value=read_time("2000-01-01").replace(tzinfo=None)).map(
        lambda at: at.replace(microsecond=0)
    )
)
def test_a_moment_among_words_comes_back(moment: object) -> None:
    text = str(moment)
    assert moment_in(f"fw [{text}] drop") == text


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    for read in (person_in, moment_in):
        assert read(text) is None or read(text)
