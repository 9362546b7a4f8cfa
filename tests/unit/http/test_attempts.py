"""Wrong tokens at the HTTP entry point."""

from __future__ import annotations

from producers.http.auth import AT_ONCE, Attempts


def test_ten_wrong_tokens_of_an_address_are_answered_and_then_one_every_ten_seconds() -> None:
    # Given an address that has used up its attempts
    tried = Attempts()
    assert [tried.wrong("192.0.2.1") for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    # Then the next one has to wait, and one from elsewhere has not
    assert 9 < tried.wrong("192.0.2.1") <= 10
    assert tried.wrong("192.0.2.2") == 0
